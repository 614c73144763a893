"""The only place in this room that starts or signals other programs."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from time import monotonic

from shared.errors import CairnError


class NoBroker(CairnError):
    """mosquitto is missing or did not start."""


def start_broker(configuration: Path, port: int, log: Path) -> subprocess.Popen[bytes]:
    """Start mosquitto as the calling user and return once it accepts connections. Raises NoBroker."""
    program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if program is None:
        raise NoBroker("mosquitto is not installed", hint="type: sudo apt-get install mosquitto")
    # As root, mosquitto gives up its rights and may then not read its own key: it stays who started it.
    user = ["user root\n"] if os.geteuid() == 0 else []
    if user and "user root" not in configuration.read_text():
        configuration.write_text(configuration.read_text() + user[0])
    with log.open("ab") as output:
        process = subprocess.Popen([program, "-c", str(configuration)], stdout=output, stderr=output)
    end = monotonic() + 15
    while monotonic() < end and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return process
    process.kill()
    process.wait()
    raise NoBroker("mosquitto did not start", hint=f"read {log}; is port {port} free?")


def running_broker(pid_file: Path) -> int | None:
    """The process of a mosquitto that wrote this file and still runs, or none."""
    try:
        process_id = int(pid_file.read_text())
        name = Path(f"/proc/{process_id}/comm").read_text().strip()
    except (OSError, ValueError):
        return None
    return process_id if name == "mosquitto" else None


def reload_broker(process_id: int) -> None:
    """SIGHUP: the broker reads its ACL and revocation lists again; live connections stay. Raises NoBroker."""
    try:
        os.kill(process_id, signal.SIGHUP)
    except OSError as error:
        hint = "as its owner, type: sudo systemctl reload mosquitto"
        raise NoBroker(f"the broker cannot be told to reload: {error.strerror}", hint=hint) from None
