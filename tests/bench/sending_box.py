"""A box as a process of its own that empties an outbox: `python -m tests.bench.sending_box SETTINGS OUTBOX`.

SETTINGS is the broker's connection as JSON. It ends when nothing is left, or when it is killed.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path

from edge.outbox import Outbox
from edge.uplink import Uplink
from shared.clock import SystemClock
from shared.transport.mqtt import MqttSettings, MqttTransport

_LOOK_EVERY_S = 0.05


def main(settings: Path, outbox: Path) -> None:
    plain = json.loads(settings.read_text())
    at = MqttSettings(**plain | {name: Path(plain[name]) for name in ("ca", "certificate", "key")})
    box = Outbox(outbox, SystemClock())
    link = MqttTransport(at)
    uplink = Uplink(link, box, at.client_id, SystemClock())
    link.on_connected = uplink.reconnected
    uplink.listen()
    link.connect()
    threading.Thread(target=uplink.run, daemon=True).start()
    pause = threading.Event()
    while box.waiting(1):
        pause.wait(_LOOK_EVERY_S)
    uplink.stop()
    link.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
