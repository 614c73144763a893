"""Batches in the database and in archives are one store: whatever moves, each is read once, in order, or is missed
by name."""

from __future__ import annotations

import errno
import itertools
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError

from central.batches.archives import ArchivedBatchStore
from central.batches.compaction import MARGIN, CannotMove, Compaction
from central.batches.opening import archive_store
from central.batches.place import ArchiveDown, Place
from central.batches.store import NoArchive, SequenceReused, SqlBatchStore
from central.batches.upkeep import Compactor
from central.errors import BadSettings
from central.retention.rules import load_rules
from shared.acks import Ack, AckStatus
from shared.batches import read_batch
from shared.clock import FixedClock
from shared.epochs import Epoch
from shared.releases import CaseScope
from tests.central.archive_fixtures import AFTER, CELLS, FIRST, Archived, batch, kept
from tests.central.test_ingest import NOW as SENT
from tests.central.test_ingest import Bench


@pytest.fixture
def site(tmp_path: Path) -> Archived:
    return Archived(tmp_path)


@pytest.fixture(autouse=True)
def small_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a few batches make several groups."""
    monkeypatch.setattr("central.batches.compaction.GROUP_BATCHES", 3)


def in_order(read: list[Any]) -> bool:
    """Each cell's batches together, its hours in order."""
    cells = [cell for cell, _ in itertools.groupby(read, key=lambda one: one[0])]
    return len(cells) == len(set(cells)) and all(a[1] <= b[1] for a, b in itertools.pairwise(read) if a[0] == b[0])


def test_what_was_archived_is_read_as_it_came(site: Archived) -> None:
    """Two closed days move to a file each; every batch is read once, byte for byte, and the database holds no bytes."""
    site.fill()
    assert site.compact() == len(site.added)
    assert [path.name[:10] for path in site.files()] == ["2026-11-21", "2026-11-22"]
    assert sorted(site.read()) == site.expected()
    assert in_order(site.read())
    with pytest.raises(NoArchive, match="nothing says where"):
        list(SqlBatchStore(site.engine).stream(CELLS, range(FIRST, FIRST + 1)))


ACTS = st.one_of(
    st.tuples(st.just("add"), st.lists(st.tuples(st.sampled_from(CELLS), st.integers(0, 71)), max_size=8)),
    st.tuples(st.just("compact"), st.booleans()),
    st.tuples(st.just("drop"), st.integers(0, 71)),
    st.tuples(st.just("retain"), st.none()),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(ACTS, max_size=12), st.lists(st.sampled_from(CELLS), unique=True), st.integers(0, 71), st.integers(0, 71)
)
def test_whatever_is_added_moved_and_dropped_is_read_as_from_one_list(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, Any]], cells: list[str], first: int, last: int
) -> None:
    """Any order of adding, compacting, late batches, dropping and deleting gives what a plain list would."""
    site = Archived(tmp_path_factory.mktemp("any"))
    for act, what in acts:
        if act == "add":
            site.add(*what)
        elif act == "compact":
            site.compact(all_late=what)
        elif act == "drop":
            gone = site.store.drop_hour(FIRST + what)
            left = {key: one for key, one in site.added.items() if one[1] != FIRST + what}
            assert gone == len(site.added) - len(left)
            site.added = left
        else:
            delete_old(site)
    hours = range(first, last + 1)
    read = site.read(cells, hours)
    assert sorted(read) == site.expected(cells, hours)
    assert in_order(read)
    everything = CaseScope("c", "act", "kim", _at(0), _at(72), CELLS, ("face",), AFTER)
    assert site.store.count(everything) == site.store.seen(everything).sightings == len(site.added)
    site.engine.dispose()


def delete_old(site: Archived) -> None:
    from sqlmodel import Session, select

    from central.batches.tables import BatchArchive

    with Session(site.engine) as session:
        names = list(session.exec(select(BatchArchive.name)))
    for name in names:
        site.store.delete_archive(name, AFTER + timedelta(hours=2))


def _at(hour: int) -> Any:
    return Epoch("cell-1", FIRST + hour).start


def test_a_batch_that_was_archived_is_known_when_it_comes_again(site: Archived) -> None:
    """A box that sends again what lies in an archive is acknowledged, and another batch of that number is refused."""
    site.add(("cell-1", 0), ("cell-2", 1))
    site.compact()
    (again, other) = (one[2] for one in site.added.values())
    forged = batch("cell-1", FIRST + 5, 0)
    answers = site.store.add([read_batch(raw) for raw in (again, forged, other)], AFTER)
    assert [type(one) for one in answers] == [type(None), SequenceReused, type(None)]
    assert sorted(site.read()) == site.expected()


def test_late_batches_are_read_beside_the_archive_and_merged_when_they_are_worth_it(site: Archived) -> None:
    """A few late batches stay in the database; many are written into a new file with the old one's."""
    site.fill(hours=range(24))
    site.compact()
    (old,) = site.files()
    site.add(("cell-1", 7))
    assert site.compact(all_late=False) == 0
    assert sorted(site.read()) == site.expected()
    site.add(*((cell, 9) for cell in CELLS * 3))
    assert site.compact(all_late=False) == 13
    assert sorted(site.read()) == site.expected()
    assert len(site.files()) == 2
    delete_old(site)
    (new,) = site.files()
    assert new != old
    assert sorted(site.read()) == site.expected()


def test_a_day_is_archived_once_it_is_over_and_a_while_has_passed(site: Archived) -> None:
    """Today's batches, and yesterday's in the first hours, stay in the database."""
    site.add(("cell-1", 3))
    compaction = Compaction(site.engine, site.store, FixedClock(AFTER))
    assert compaction.days(_at(24) + MARGIN - timedelta(seconds=1)) == []
    assert [day.isoformat() for day in compaction.days(_at(24) + MARGIN)] == ["2026-11-21"]


def test_a_search_that_goes_on_while_days_move_misses_nothing(site: Archived) -> None:
    """What was begun before the hours changed over reads each batch once, and so does one over files merged since."""
    site.fill(each=1)
    reading = site.store.stream(CELLS, range(FIRST, FIRST + 48))
    read = kept(next(reading))
    site.compact()
    read += [one for some in reading for one in kept(some)]
    assert sorted(read) == site.expected()
    reading = site.store.stream(CELLS, range(FIRST, FIRST + 48))
    read = kept(next(reading))
    before = site.expected()
    site.fill(each=1)
    site.compact()
    delete_old(site)
    read += [one for some in reading for one in kept(some)]
    assert sorted(read) == before


def test_two_compactions_at_once_move_every_batch_once(site: Archived) -> None:
    """A command beside the hourly round: whoever comes second finds that the batches have moved."""
    site.fill()
    begun, go_on = threading.Event(), threading.Event()

    def wait(*_: object) -> None:
        begun.set()
        assert go_on.wait(30)

    slow = threading.Thread(target=lambda: list(Compaction(site.engine, site.store, FixedClock(AFTER), wait).run()))
    slow.start()
    assert begun.wait(30)
    assert site.compact() == len(site.added)
    go_on.set()
    slow.join()
    assert sorted(site.read()) == site.expected()
    assert len(site.files()) == 2


class FullPlace(Place):
    """A disk that is full after some bytes."""

    @contextmanager
    def writing(self, name: str) -> Iterator[IO[bytes]]:
        with super().writing(name) as file:
            yield _Full(file)  # type: ignore[misc]


class _Full:
    closed = False

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self._left = file, 5000

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def write(self, some: bytes) -> int:
        self._left -= len(some)
        if self._left < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        return self._file.write(some)


def test_a_full_disk_leaves_every_batch_in_the_database(site: Archived) -> None:
    """The refusal names the disk, nothing half-written is left, and the next round does it."""
    site.fill()
    full = ArchivedBatchStore(site.engine, FullPlace(site.store.place.url))
    with pytest.raises(ArchiveDown, match="No space left"):
        list(Compaction(site.engine, full, FixedClock(AFTER)).run())
    assert site.files() == []
    assert sum(len(some) for some in SqlBatchStore(site.engine).stream(CELLS, range(FIRST, FIRST + 96))) == len(
        site.added
    )
    assert sorted(site.read()) == site.expected()
    assert site.compact() == len(site.added)


def test_a_database_that_takes_no_change_keeps_every_batch(site: Archived, monkeypatch: pytest.MonkeyPatch) -> None:
    """Full in the middle of a day: hours that changed over are read in the file, the others where they were."""
    site.fill()
    real, calls = Compaction._change_over, list[Any]()

    def full(*given: Any) -> int:
        calls.append(given)
        if len(calls) == 5:
            raise OperationalError("UPDATE", {}, Exception("database or disk is full"))
        return int(real(*given))

    with monkeypatch.context() as broken:
        broken.setattr(Compaction, "_change_over", full)
        with pytest.raises(CannotMove, match="took no change for 2026-11-21"):
            site.compact()
    assert sorted(site.read()) == site.expected()
    assert len(site.files()) == 1
    site.compact()
    delete_old(site)
    assert sorted(site.read()) == site.expected()
    assert len(site.files()) == 2


def test_an_object_store_is_read_like_a_folder(tmp_path: Path) -> None:
    """Over fsspec, without a map into memory or a rename."""
    site = Archived(tmp_path, f"memory://{tmp_path.name}-{id(tmp_path)}")
    site.fill()
    assert site.compact() == len(site.added)
    assert len(site.store.place.names()) == 2
    assert sorted(site.read()) == site.expected()
    assert sorted(site.read(("cell-2",), range(2, 9))) == site.expected(("cell-2",), range(2, 9))
    for hour in range(48):
        site.store.drop_hour(FIRST + hour)
    delete_old(site)
    assert site.store.place.names() == []


@pytest.mark.parametrize(
    "url",
    [
        "memory://x",
        "http://x/y",
        "archives",
        "file://archives",
        "file:archives",
        "s3://key:secret@bucket/x",
        "nosuch://x",
        "/var/lib/cairn",
        "",
    ],
)
def test_an_address_that_cannot_be_one_is_refused(url: str) -> None:
    """Before anything is written, with how to write it, and without the password in it."""
    with pytest.raises(BadSettings) as refused:
        archive_store(create_engine("sqlite://"), url)
    assert "secret" not in str(refused.value)
    assert refused.value.hint


def test_the_centre_archives_by_itself_and_stops_when_it_is_told(site: Archived) -> None:
    """A round runs on a thread of its own; a centre that stops does not wait for the end of a day."""
    site.fill()
    quick = Compactor(site.engine, site.store, FixedClock(AFTER), load_rules())
    quick.begin()
    quick.begin()
    quick._thread.join()  # type: ignore[union-attr]
    assert len(site.files()) == 2
    site.add(*[("cell-1", 5)] * 30)
    stopped = Compactor(site.engine, site.store, FixedClock(AFTER), load_rules())
    stopped._over.set()
    stopped.begin()
    stopped.stop()
    assert len(site.files()) == 2
    assert sorted(site.read()) == site.expected()
    without = Compactor(site.engine, SqlBatchStore(site.engine), FixedClock(AFTER), load_rules())
    without.begin()
    without.stop()


def test_a_box_that_sends_an_archived_batch_again_is_answered(tmp_path: Path) -> None:
    """Over the broker: acknowledged as stored, so that the box deletes it; the store has it once."""
    bench = Bench(tmp_path)
    raw = bench.batch(sequence=5)
    archives = ArchivedBatchStore(bench.engine, Place(f"file://{tmp_path / 'archives'}"))
    bench.ingest.start()
    try:
        bench.send(raw)
        assert bench.answered(1) == [Ack(1, 5, AckStatus.STORED)]
        (moved,) = Compaction(bench.engine, archives, FixedClock(AFTER)).run()
        assert (moved.moved, moved.batches) == (1, 1)
        bench.send(raw, bench.batch(sequence=5, people=3))
        refused, stored = sorted(bench.answered(3)[1:], key=lambda ack: ack.status)
        assert (stored.sequence, stored.status) == (5, AckStatus.STORED)
        assert refused.status is AckStatus.REFUSED
        assert "SequenceReused" in refused.reason
    finally:
        bench.ingest.stop()
    hour = Epoch.at("cell-1", SENT).hour
    read = [one for some in archives.stream(["cell-1"], range(hour, hour + 1)) for one in some]
    assert [one[2] for one in read] == [raw]


class LibraryFailed(Exception):
    """What an object store's library may raise: no OSError, and its text names an address."""


def test_an_object_store_that_is_away_is_named_and_takes_nothing_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While it is away, archived batches are counted as failed and others are read; nothing is moved there."""
    site = Archived(tmp_path, f"memory://{tmp_path.name}-{id(tmp_path)}")
    site.add(("cell-1", 1), ("cell-2", 2))
    site.compact()
    site.add(("cell-1", 30), ("cell-2", 40))

    def away(*_: object, **__: object) -> None:
        raise LibraryFailed("https://key@bucket.example/x")

    with monkeypatch.context() as broken:
        broken.setattr("fsspec.implementations.memory.MemoryFile.write", away)
        with pytest.raises(ArchiveDown, match="cannot be written") as told:
            site.compact()
        assert "bucket.example" not in str(told.value)
        broken.setattr("fsspec.implementations.memory.MemoryFile.read", away)
        read = site.read()
    assert [raw.startswith(b"CAIRNLOST") for _, _, raw in read] == [True, False, True, False]
    assert sorted(site.read()) == site.expected()
    assert site.compact() == 2
    assert sorted(site.read()) == site.expected()
