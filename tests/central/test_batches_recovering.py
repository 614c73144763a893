"""A database that was put back from an older copy takes home what archives hold beside it, and forgets no file."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from central.batches.archives import ArchivedBatchStore
from central.batches.day_file import DayFile
from central.batches.place import NoSuchArchive
from central.batches.recovering import enter_strangers, strangers, take_all_back, take_back
from central.batches.shown import days
from central.batches.tables import BatchArchive
from central.database import open_database, writing
from central.nodes.service import put_node, revoke_node
from shared.epochs import Epoch
from tests.central.archive_fixtures import AFTER, FIRST, Archived
from tests.central.test_batches_archives import delete_old
from tests.shared.test_batches import KEYS


class Restored(Archived):
    """A site whose database was copied, lived on, and was put back from the copy."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        with writing(self.engine) as session:
            put_node(session, "node-1", "cell-1", KEYS.signing.public_key().public_bytes_raw())
            session.commit()
        self.copy = folder / "copy.sqlite"

    def copied(self) -> None:
        with (
            closing(sqlite3.connect(str(self.engine.url.database))) as live,
            closing(sqlite3.connect(self.copy)) as copy,
        ):
            live.backup(copy)

    def put_back(self) -> None:
        self.engine.dispose()
        self.engine = open_database(f"sqlite:///{self.copy}")
        self.store = ArchivedBatchStore(self.engine, self.store.place)


@pytest.fixture
def site(tmp_path: Path) -> Restored:
    return Restored(tmp_path)


def test_batches_that_came_after_the_copy_are_taken_from_the_archive(site: Restored) -> None:
    """The copy knew no archive: each file's batches that it lacks come home, and what it has is not doubled."""
    site.fill(each=1)
    site.copied()
    site.fill(each=1)
    site.compact()
    site.put_back()
    names = strangers(site.engine, site.store)
    assert names == [path.name for path in site.files()]
    taken = [take_back(site.engine, site.store, name, FIRST, AFTER) for name in names]
    assert [(one.batches, one.taken, one.refused) for one in taken] == [(64, 32, 0), (64, 32, 0)]
    assert sorted(site.read()) == site.expected()
    site.compact()
    assert sorted(site.read()) == site.expected()


def test_batches_whose_file_was_merged_since_the_copy_come_home(site: Restored) -> None:
    """The copy names a file that is gone; the one that took it in gives its batches back."""
    site.fill(hours=range(24), each=1)
    site.compact()
    (old,) = site.files()
    site.copied()
    site.fill(hours=range(24), each=1)
    site.compact()
    delete_old(site)
    site.put_back()
    assert all(raw.startswith(b"CAIRNLOST") for _, _, raw in site.read())
    (name,) = strangers(site.engine, site.store)
    assert name != old.name
    assert take_back(site.engine, site.store, name, FIRST, AFTER).taken == 2 * 96
    assert sorted(site.read()) == site.expected()
    site.compact()
    assert sorted(site.read()) == site.expected()


def test_what_is_over_or_not_proven_does_not_come_back(site: Restored) -> None:
    """Hours past retention stay gone, and so do batches of a box that is revoked."""
    site.fill(each=1)
    site.copied()
    site.add(("cell-1", 1), ("cell-1", 30))
    site.compact()
    site.put_back()
    first, second = strangers(site.engine, site.store)
    assert take_back(site.engine, site.store, first, FIRST + 24, AFTER).taken == 0
    with writing(site.engine) as session:
        revoke_node(session, "node-1", AFTER)
        session.commit()
    answer = take_back(site.engine, site.store, second, FIRST + 24, AFTER)
    assert (answer.taken, answer.refused) == (0, answer.batches)
    for nowhere in ("2026-11-01-00000000.arrow", "../centre.sqlite"):
        with pytest.raises(NoSuchArchive):
            take_back(site.engine, site.store, nowhere, FIRST, AFTER)


def test_no_file_outlives_its_day_because_the_database_forgot_it(site: Restored) -> None:
    """Unknown files, and half-written ones, are entered, and are due when no key opens them any more."""
    site.copied()
    site.fill()
    site.compact()
    (site.folder / "2026-11-23-0123abcd.arrow.part").write_bytes(b"half")
    (site.folder / "notes.txt").write_bytes(b"not ours")
    shutil.copy(site.files()[0], site.folder / "2026-99-99-0123abcd.arrow")
    site.put_back()
    assert len(enter_strangers(site.engine, site.store, AFTER)) == 3
    assert enter_strangers(site.engine, site.store, AFTER) == []
    with Session(site.engine) as session:
        due = {row.name: row.delete_after for row in session.exec(select(BatchArchive))}
    end = Epoch("cell-1", FIRST + 24).start + timedelta(days=14)
    assert sorted(due.values()) == [end, end + timedelta(days=1), end + timedelta(days=2)]  # type: ignore[type-var]
    for name in due:
        assert site.store.delete_archive(name, end + timedelta(days=2))
    assert [path.name for path in site.files()] == ["2026-99-99-0123abcd.arrow", "notes.txt"]


def test_a_damaged_part_or_file_does_not_hold_up_the_others(site: Restored) -> None:
    """What can be read comes home, the answer says what could not, and the damaged file stays to be tried again."""
    site.copied()
    site.fill(each=1)
    site.compact()
    site.put_back()
    first, second = site.files()
    whole = first.read_bytes()
    changed = bytearray(whole)
    changed[changed.index(b"CAIRNB") + 300] ^= 1  # in the first group, which is one cell's day
    first.write_bytes(changed)
    (site.folder / "2026-11-20-00000000.arrow").write_bytes(b"nothing of ours")
    nothing, part, all_of_it = take_all_back(site.engine, site.store, strangers(site.engine, site.store), FIRST, AFTER)
    assert (nothing.batches, nothing.taken) == (0, 0)
    assert "cannot be read" in nothing.problem
    assert (part.archive, part.batches, part.taken, part.refused) == (first.name, 24, 24, 0)
    assert "a batch was changed" in part.problem
    assert (all_of_it.archive, all_of_it.taken, all_of_it.problem) == (second.name, 32, "")
    first.write_bytes(whole)
    assert second.name not in strangers(site.engine, site.store)
    (again,) = take_all_back(site.engine, site.store, [first.name], FIRST, AFTER)
    assert (again.batches, again.taken, again.problem) == (32, 8, "")
    assert sorted(site.read()) == site.expected()


def test_what_comes_in_meanwhile_is_not_counted_as_taken_back(site: Restored, monkeypatch: pytest.MonkeyPatch) -> None:
    """Boxes go on sending while a file is read."""
    site.copied()
    site.fill(each=1)
    site.compact()
    site.put_back()
    name = strangers(site.engine, site.store)[0]
    real = DayFile.records

    def beside(file: DayFile, number: int) -> Any:
        site.add(("cell-1", 40), boot=9)
        return real(file, number)

    monkeypatch.setattr(DayFile, "records", beside)
    assert take_back(site.engine, site.store, name, FIRST, AFTER).taken == 32


def test_a_file_that_gave_all_back_is_shown_as_one_that_goes(site: Restored) -> None:
    """And one with batches of a box that is not known yet stays unknown, so that it is tried again."""
    site.copied()
    site.fill(each=1)
    site.compact()
    site.put_back()
    first, second = strangers(site.engine, site.store)
    take_back(site.engine, site.store, first, FIRST + 12, AFTER)
    with writing(site.engine) as session:
        revoke_node(session, "node-1", AFTER)
        session.commit()
    take_back(site.engine, site.store, second, FIRST, AFTER)
    assert strangers(site.engine, site.store) == [second]
    rows = list(days(site.engine, site.store))
    assert [row["to_be_deleted"] for row in rows if row["day"] == "2026-11-21"] == [[first]]
    assert [row["archives"] for row in rows if row["state"].startswith("unknown")] == [[second]]
