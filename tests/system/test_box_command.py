"""`cairn-edge run` as it is installed, over the real broker: how it ends, what it says, and with which status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.epochs import Epoch
from tests.edge.street import recording
from tests.system.offices import ROOT, Offices
from tests.system.site import Site
from tests.system.test_resilience import CELL, NODE, this_hour
from tests.waiting import wait_until


@contextmanager
def running(settings: Path, *options: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """The command, as a process whose output is kept."""
    command = [sys.executable, "-m", "edge", "run", str(settings), *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment}, text=True, **pipes) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def settings_for(site: Site, video: Path) -> Path:
    """A box whose recording began with this hour."""
    site.add_node(NODE, CELL)
    return site.edge_settings(NODE, CELL, str(video), Epoch(CELL, this_hour()).start)


def test_a_recording_ends_with_one_line_and_status_0(site: Site, tmp_path: Path) -> None:
    """With the real models on a street of rectangles there is nobody to report, and the box says just that."""
    settings = settings_for(site, recording(tmp_path / "walk.avi", 20))
    Offices(site).grant(this_hour())
    with running(settings, "--json") as process:
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert json.loads(said) == {"kept": 0, "lost": 0, "stored": 0, "refused": 0, "left": 0}


def test_ctrl_c_ends_a_wait_with_130_and_systemd_with_0(site: Site, tmp_path: Path) -> None:
    """A box that waits for keys stops at once on either signal, says what became of everything, and ends in order."""
    settings = settings_for(site, recording(tmp_path / "walk.avi", 20))
    for number, status in ((signal.SIGINT, 130), (signal.SIGTERM, 0)):
        with running(settings, "--wait-for-keys", "600") as process:
            assert process.stderr
            wait_until(lambda process=process: "connected to the broker" in process.stderr.readline(), "the link")  # type: ignore[misc]
            process.send_signal(number)
            said, complaint = process.communicate(timeout=30)
        assert process.returncode == status
        assert said.startswith("0 tracks kept, 0 lost")
        assert "Traceback" not in complaint


def test_a_cut_recording_ends_with_2_and_a_name(site: Site, tmp_path: Path) -> None:
    """The damage is told with what to do, after what was seen had been dealt with."""
    video = recording(tmp_path / "walk.avi", 60)
    settings = settings_for(site, video)
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    settings.write_text(settings.read_text() + "fps = 10\n")
    Offices(site).grant(this_hour())
    with running(settings) as process:
        said, complaint = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "left" in said
    assert "hint: the file is cut or damaged" in complaint
    assert "Traceback" not in complaint


def test_a_broker_that_is_away_does_not_hang_the_box(site: Site, tmp_path: Path) -> None:
    """With the broker away and the wait over, the box plays on, says that it has no keys, and ends in order."""
    settings = settings_for(site, recording(tmp_path / "walk.avi", 20))
    site.kill()
    with running(settings, "--wait-for-keys", "0.5", "--wait-for-acks", "0.5") as process:
        _, complaint = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "no keys for" in complaint


def test_systemd_is_told_that_the_box_is_ready_and_that_it_stops(site: Site, tmp_path: Path) -> None:
    """A unit of Type=notify starts and stops in step with the box."""
    import socket

    settings = settings_for(site, recording(tmp_path / "walk.avi", 20))
    Offices(site).grant(this_hour())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(60)
        with running(settings, NOTIFY_SOCKET=str(tmp_path / "notify")) as process:
            assert [systemd.recv(64), systemd.recv(64)] == [b"READY=1", b"STOPPING=1"]
            process.communicate(timeout=60)
    assert process.returncode == 0
