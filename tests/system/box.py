"""A box as a process of its own, for tests that kill it: `python -m tests.system.box write|watch SETTINGS`.

`write` stores tracks as fast as it can, closes the hour now and then, and says each track that is on disk; a line on
its standard input ends it in order. `watch` is the whole box on a real camera, with eyes that see coloured rectangles.
"""

from __future__ import annotations

import select
import signal
import sys
import threading
from pathlib import Path

from edge.epoch_keys import EpochKeys
from edge.outbox import Outbox
from edge.runner import Runner
from edge.sealing import Sealer
from edge.settings import Settings, load_settings
from edge.uplink import Uplink
from edge.vision import MODELS
from shared import topics
from shared.clock import SystemClock
from shared.codes import FACE_BITS
from shared.epochs import Epoch
from shared.face_mask import FaceMask
from shared.keys import read_sealing_key, read_signing_key
from shared.sightings import Sighting, sighting_id
from shared.transport import Message
from shared.transport.mqtt import MqttSettings, MqttTransport
from tests.edge.street import PlainEyes
from tests.waiting import wait_until


def transport(settings: Settings, will: Message | None = None) -> MqttTransport:
    """The settings' connection, with a short keep-alive."""
    at = settings.broker
    mqtt = MqttSettings(at.host, at.port, settings.node.id, at.ca, at.certificate, at.key, keepalive_s=5)
    return MqttTransport(mqtt, will)


def write(settings: Settings) -> None:
    """Store and send until a line comes in; then wait until the centre has everything."""
    node, clock = settings.node, SystemClock()
    keys = EpochKeys(node.id, node.cell, read_sealing_key(node.sealing_key), node.authorities, MODELS)
    sealer = Sealer(node.id, keys, read_signing_key(node.signing_key), MODELS)
    box = Outbox(node.state_dir / "outbox.db", clock)
    link = transport(settings)
    uplink = Uplink(link, box, node.id, clock)
    link.on_connected = uplink.reconnected
    uplink.listen()
    for authority in node.authorities:
        link.subscribe(topics.grants(node.id, authority), _taker(keys, authority))
    link.connect()
    threading.Thread(target=uplink.run, daemon=True).start()
    epoch = Epoch.at(node.cell, clock.now())
    keys.wait(epoch, 60, lambda: False)
    number = 0
    while not select.select([sys.stdin], [], [], 0.002)[0]:
        number += 1
        now, code = clock.now(), number.to_bytes(4, "big").ljust(FACE_BITS // 8, b"\1")
        sighting = Sighting(number, "cam-1", now, now, code, None, FaceMask.ABSENT, 0.5)
        sealer.store(box, epoch, sighting)
        _say(sighting_id(node.id, box.boot, number))
        if number % 7 == 0:
            sealer.close(box, epoch)
            uplink.wake()
    sealer.close(box, epoch)
    uplink.wake()
    wait_until(lambda: not box.waiting(), "the centre to have it all", seconds=60)


def watch(settings: Settings) -> None:
    """The whole box, but for the models."""
    runner = Runner(settings, PlainEyes(), SystemClock(), lambda will: transport(settings, will))
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: runner.stop())
    runner.run()
    _say(runner.outcome.to_json())


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _taker(keys: EpochKeys, authority: str):  # type: ignore[no-untyped-def]  # a handler
    return lambda message: keys.take_grant(authority, message.payload)


if __name__ == "__main__":
    {"write": write, "watch": watch}[sys.argv[1]](load_settings(Path(sys.argv[2])))
