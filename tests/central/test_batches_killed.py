"""A program that archives is killed outright at every step; nothing is lost, and nothing is there twice."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, select

from central.batches.tables import BatchArchive
from tests.central.archive_fixtures import AFTER, CELLS, Archived
from tests.central.test_batches_archives import delete_old
from tests.postgres import database_in

ARCHIVES_UNTIL = """
import os, signal, sys
from datetime import datetime
from central.batches.archives import ArchivedBatchStore
from central.batches import compaction
from central.batches.place import Place
from central.database import open_database
from shared.clock import FixedClock

url, archive, now, step, at = sys.argv[1:]
compaction.GROUP_BATCHES = 3
calls = [0]

def killed_before(owner, name):
    real = getattr(owner, name)
    def wrapped(*given, **named):
        calls[0] += 1
        if calls[0] == int(at):
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*given, **named)
    setattr(owner, name, wrapped)

killed_before(*{
    "write": (compaction.Compaction, "_fresh"),
    "prove": (compaction.Compaction, "_proven"),
    "complete": (compaction.Compaction, "_complete"),
    "hour": (compaction.Compaction, "_change_over"),
}[step])
engine = open_database(url)
clock = FixedClock(datetime.fromisoformat(now))
list(compaction.Compaction(engine, ArchivedBatchStore(engine, Place(archive)), clock).run())
"""
# Where it is killed: before which call, and the how many-th of those.
STEPS = [("write", 9), ("prove", 1), ("complete", 1), ("hour", 1), ("hour", 4), ("hour", 14)]


@pytest.mark.parametrize(("step", "at"), STEPS)
def test_killed_at_any_step_every_batch_is_still_there_once(tmp_path: Path, step: str, at: int) -> None:
    """The next round finishes the work, and what the dead program left in the folder goes, with its entry."""
    site = Archived(tmp_path)
    site.fill()
    url, archive = database_in(tmp_path), site.store.place.url
    told = [sys.executable, "-c", ARCHIVES_UNTIL, url, archive, AFTER.isoformat(), step, str(at)]
    died = subprocess.run(told, check=False, capture_output=True)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()
    assert sorted(site.read()) == site.expected()
    site.compact()
    assert sorted(site.read()) == site.expected()
    assert sorted(site.read(CELLS[:1], range(3, 30))) == site.expected(CELLS[:1], range(3, 30))
    delete_old(site)  # what is abandoned goes after a day, and not before
    with Session(site.engine) as session:
        rows = session.exec(select(BatchArchive)).all()
        for row in rows:
            if row.delete_after:
                assert site.store.delete_archive(row.name, AFTER + timedelta(days=1))
        names = {row.name for row in rows if not row.delete_after}
    assert {path.name for path in site.files()} == names
    assert sorted(site.read()) == site.expected()
