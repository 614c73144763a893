"""Broker, centre and box are killed with -9 while they work: nothing that was written is lost, nothing is doubled."""

from __future__ import annotations

import itertools
import json
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shared.epochs import Epoch
from tests.edge.street import NetworkCamera, recording
from tests.system.offices import ROOT, Offices, sightings_in
from tests.system.site import Site
from tests.waiting import wait_until

NODE, CELL = "box-1", "cell-1"


def this_hour() -> int:
    """The hour that is granted; a test that begins in its last seconds still works on, under its keys."""
    return Epoch.at(CELL, datetime.now(UTC)).hour


class Box:
    """The box process, and what it said that it stored over all its lives."""

    def __init__(self, settings: Path, mode: str = "write") -> None:
        self._settings, self._mode = settings, mode
        self.said: list[str] = []
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "tests.system.box", self._mode, str(self._settings)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._reader = threading.Thread(target=self._read, args=(self.process,), daemon=True)
        self._reader.start()

    def kill(self) -> None:
        self.process.kill()
        self._end()

    def finish(self, seconds: float = 90) -> int:
        """Ask it to end in order; returns its exit status."""
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        self.process.wait(timeout=seconds)
        return self._end()

    def wait_for(self, more: int) -> None:
        """Wait until it has stored so many tracks more."""
        before = len(self.said)
        wait_until(lambda: len(self.said) >= before + more, f"{more} tracks more", seconds=60)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        self.said += (line.strip() for line in process.stdout if line.endswith("\n"))

    def _end(self) -> int:
        status = self.process.wait()
        self._reader.join()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            pipe.close()
        return status


@contextmanager
def working(site: Site) -> Iterator[tuple[Offices, Box]]:
    """A site at work: broker, ingest and one box."""
    site.add_node(NODE, CELL)
    offices = Offices(site)
    offices.grant(this_hour(), this_hour() + 1)
    offices.start_ingest()
    box = Box(site.edge_settings(NODE, CELL, "/dev/video0"))
    try:
        yield offices, box
    finally:
        if box.process.poll() is None:
            box.kill()
        offices.kill_ingest()


def kill(victim: str, site: Site, offices: Offices, box: Box) -> None:
    """kill -9, and start again."""
    if victim == "broker":
        site.kill()
        site.start()
        offices.grant(this_hour(), this_hour() + 1)  # as the authorities do in each of their rounds
    elif victim == "centre":
        offices.kill_ingest()
        offices.start_ingest()
    else:
        box.kill()
        box.start()


def all_is_there_once(offices: Offices, said: list[str]) -> None:
    """Everything that the box said it had stored is in the store, once, and next to nothing else.

    A track whose commit was done when the box was killed, but not yet said, may be there as well: one for each life.
    """
    stored = offices.stored()
    assert set(said) - set(stored) == set(), "lost"
    assert [name for name, count in stored.items() if count > 1] == [], "doubled"


@pytest.mark.parametrize("victim", ["broker", "centre", "box"])
def test_one_killed_part_costs_nothing(site: Site, victim: str) -> None:
    """kill -9 of one part in the middle of the work: 0 lost, 0 doubled."""
    with working(site) as (offices, box):
        box.wait_for(30)
        wait_until(offices.stored, "the first batches")
        kill(victim, site, offices, box)
        box.wait_for(30)
        assert box.finish() == 0
        all_is_there_once(offices, box.said)
        assert offices.refusals() == []


@pytest.mark.slow
def test_twenty_rounds_of_killing_cost_nothing(site: Site) -> None:
    """Broker, centre and box in turn, twenty times, with work going on throughout: 0 lost, 0 doubled."""
    with working(site) as (offices, box):
        for victim in itertools.islice(itertools.cycle(["broker", "centre", "box"]), 20):
            box.wait_for(25)
            kill(victim, site, offices, box)
        box.wait_for(25)
        assert box.finish() == 0
        all_is_there_once(offices, box.said)
        assert offices.refusals() == []


def test_a_box_killed_with_people_in_view_sends_what_was_written(site: Site) -> None:
    """The whole box on a camera: after kill -9, all that was on its disk reaches the store, once, in its next life."""
    site.add_node(NODE, CELL)
    offices = Offices(site)
    offices.grant(this_hour(), this_hour() + 1)
    offices.start_ingest()
    camera = NetworkCamera()
    settings = site.edge_settings(NODE, CELL, camera.address)
    database = site.home / "state" / NODE / "outbox.db"
    box = Box(settings, "watch")
    wait_until(lambda: len(on_disk(database)) >= 2, "people to be stored", seconds=60)
    box.kill()
    camera.vanish()
    written = on_disk(database)
    assert offices.stored() == {}
    second = Box(settings, "watch")
    wait_until(lambda: set(written) <= set(offices.stored()), "what the first life had written")
    second.process.send_signal(signal.SIGTERM)
    assert second._end() == 0
    all_is_there_once(offices, written)
    offices.kill_ingest()


def test_a_recording_ends_when_the_real_centre_has_everything(site: Site, tmp_path: Path) -> None:
    """The whole box on a recording, over the real broker into the real ingest: its outcome is what the store holds."""
    site.add_node(NODE, CELL)
    offices = Offices(site)
    hour = this_hour()
    offices.start_ingest()
    start = Epoch(CELL, hour).start
    video = recording(tmp_path / "walk.avi", 50, people=2)
    box = Box(site.edge_settings(NODE, CELL, str(video), start), "watch")
    offices.grant(hour)
    assert box.process.wait(timeout=60) == 0
    box._end()
    assert json.loads(box.said[0]) == {"kept": 2, "lost": 0, "stored": 1, "refused": 0, "left": 0}
    assert sorted(offices.stored().values()) == [1, 1]
    offices.kill_ingest()


def on_disk(database: Path) -> list[str]:
    """The names of all sightings in a box's outbox, read beside it."""
    if not database.exists():
        return []
    copy = database.with_name("copy.db")
    for suffix in ("", "-wal"):
        part = database.with_name(database.name + suffix)
        copy.with_name(copy.name + suffix).write_bytes(part.read_bytes() if part.exists() else b"")
    connection = sqlite3.connect(copy)
    try:
        return [name for (raw,) in connection.execute("SELECT raw FROM batch") for name in sightings_in(raw)]
    except sqlite3.Error:
        return []  # copied in the middle of a write
    finally:
        connection.close()
