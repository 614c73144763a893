"""What stops one day, one file or one search from being archived or read stops nothing else, and says its name."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from central.batches.compaction import OLD_FILES_LAST, Compaction
from central.batches.place import ArchiveDown, NoSuchArchive, Place
from central.batches.tables import BatchArchive
from central.batches.upkeep import Compactor
from central.database import writing
from central.errors import BadSettings
from central.retention.rules import load_rules
from shared.clock import FixedClock
from tests.central.archive_fixtures import AFTER, CELLS, FIRST, Archived
from tests.central.test_batches_archives import small_groups
from tests.central.test_batches_retention import command

__all__ = ["command", "small_groups"]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Archived]:
    made = Archived(tmp_path)
    yield made
    made.engine.dispose()


def test_a_missing_file_stops_no_later_day(site: Archived) -> None:
    """Its day keeps its late batches in the database, and is named; the next day is archived."""
    site.fill(hours=range(24), each=1)
    site.compact()
    (old,) = site.files()
    old.unlink()
    site.add(*[("cell-2", 5)] * 20, ("cell-1", 30))
    compaction = Compaction(site.engine, site.store, FixedClock(AFTER))
    assert [done.day.isoformat() for done in compaction.run()] == ["2026-11-22"]
    assert isinstance(compaction.failed[date(2026, 11, 21)], NoSuchArchive)
    assert [path.name[:10] for path in site.files()] == ["2026-11-22"]
    assert sorted(one for one in site.read() if not one[2].startswith(b"CAIRNLOST")) == sorted(
        one for (_, boot, number), one in site.added.items() if number >= 96
    )


def test_the_command_names_the_day_that_failed_and_ends_with_2(
    site: Archived, command: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """What was archived is told too."""
    site.fill(hours=range(24), each=1)
    site.compact()
    site.files()[0].unlink()
    site.add(*[("cell-2", 5)] * 20, ("cell-1", 30))
    with pytest.raises(SystemExit) as ended:
        command("batches", "compact")
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "2026-11-21: 2026-11-21-" in told
    assert "is missing" in told
    assert "2026-11-22: 1 batches moved" in told


def test_an_hour_that_is_dropped_meanwhile_costs_its_day_a_round(site: Archived, caplog: Any) -> None:
    """The days after it are archived in the same round, and the day itself in the next."""
    site.fill()

    def drop(_day: date, done: int, _of: int) -> None:
        if done == 3:
            site.store.drop_hour(FIRST + 21)

    compaction = Compaction(site.engine, site.store, FixedClock(AFTER), drop)
    with caplog.at_level(logging.INFO):
        assert [done.day.isoformat() for done in compaction.run()] == ["2026-11-22"]
    assert "dropped meanwhile" in caplog.text
    assert compaction.failed == {}
    site.added = {key: one for key, one in site.added.items() if one[1] != FIRST + 21}
    assert sorted(site.read()) == site.expected()
    assert site.compact() == len(site.expected(hours=range(24)))
    assert sorted(site.read()) == site.expected()


def test_hours_that_have_to_go_are_not_archived_any_more(site: Archived) -> None:
    """A day of which nothing is kept is no day to archive, and of another only what is kept moves."""
    site.fill()
    compaction = Compaction(site.engine, site.store, FixedClock(AFTER))
    assert [one.isoformat() for one in compaction.days(AFTER, first_hour=FIRST + 24)] == ["2026-11-22"]
    first, second = compaction.run(first_hour=FIRST + 12)
    assert (first.moved, second.moved) == (len(site.expected(hours=range(12, 24))), 64)
    assert sorted(site.read()) == site.expected()


def test_an_old_file_lasts_an_hour_from_when_it_is_read_no_more(site: Archived) -> None:
    """Not from when the run began, which may be hours ago: searches still read it."""
    site.fill(hours=range(24), each=1)
    site.compact()
    site.fill(hours=range(24), each=1)
    clock = FixedClock(AFTER)

    def later(*_: object) -> None:
        clock.advance(timedelta(minutes=10))

    (done,) = Compaction(site.engine, site.store, clock, later).run()
    with Session(site.engine) as session:
        rows = {row.name: row for row in session.exec(select(BatchArchive))}
    (old,) = [row for name, row in rows.items() if name != done.archive]
    assert old.delete_after == clock.now() + OLD_FILES_LAST
    assert clock.now() > AFTER + OLD_FILES_LAST


def test_a_file_that_is_given_up_is_deleted_without_the_writers_lock(site: Archived, monkeypatch: Any) -> None:
    """A slow place holds up nobody who writes to the database."""
    site.fill()
    real, written = Place.delete, list[bool]()

    def write() -> None:
        with writing(site.engine) as session:
            session.commit()
        written.append(True)

    def slow(place: Place, name: str) -> None:
        adding = threading.Thread(target=write, daemon=True)
        adding.start()
        adding.join(20)
        assert not adding.is_alive()
        real(place, name)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Place, "delete", slow)
    with pytest.raises(KeyboardInterrupt):
        list(Compaction(site.engine, site.store, FixedClock(AFTER), stop).run())
    assert written == [True]
    assert site.files() == []
    with Session(site.engine) as session:
        assert session.exec(select(BatchArchive)).all() == []


def test_a_place_that_is_away_is_told_as_away_and_not_as_lost(site: Archived, monkeypatch: Any) -> None:
    """A search hears ArchiveDown, for which it waits; the files that were opened before are closed."""
    site.fill()
    site.compact()
    real, opened = Place.open, list[Any]()

    def away(place: Place, name: str) -> Any:
        if opened:
            raise ArchiveDown(f"{name} cannot be read", hint="look at its network and rights")
        opened.append(real(place, name))
        return opened[0]

    with monkeypatch.context() as broken:
        broken.setattr(Place, "open", away)
        with pytest.raises(ArchiveDown, match="2026-11-22"):
            site.read()
    assert sorted(site.read()) == site.expected()


def test_a_compaction_stops_while_it_proves_a_file(site: Archived) -> None:
    """Reading back a large day takes minutes; a centre that stops does not wait for that, and nothing has moved."""
    site.fill()
    compactor = Compactor(site.engine, site.store, FixedClock(AFTER), load_rules())
    real = Compaction._proven

    def proven(compaction: Compaction, *given: Any) -> Any:
        compactor._over.set()
        return real(compaction, *given)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Compaction, "_proven", proven)
        compactor.begin()
        compactor.stop()
    assert site.files() == []
    assert sorted(site.read()) == site.expected()


def test_a_centre_that_stops_begins_no_round(site: Archived) -> None:
    """Whoever asks for one after that gets none."""
    site.fill()
    compactor = Compactor(site.engine, site.store, FixedClock(AFTER), load_rules())
    compactor.stop()
    compactor.begin()
    assert compactor._thread is None
    assert site.files() == []


@pytest.mark.parametrize(
    "url", ["file:///a#b", "file:///a?b", "file:///a?", "file:///", "s3://", "s3:///x", "s3://b/x?y"]
)
def test_an_address_that_means_two_folders_is_refused(url: str) -> None:
    """Or none at all."""
    with pytest.raises(BadSettings) as refused:
        Place(url)
    assert refused.value.hint


def test_files_that_others_write_are_seen(tmp_path: Path) -> None:
    """No list of an object store's files is kept: every place asks for that, but for a folder, which knows no such."""
    Place(f"file://{tmp_path}").check()
    store = Place(f"memory://{tmp_path.name}")
    store.check()
    assert store._there()[0].dircache.use_listings_cache is False


def test_the_first_hour_that_is_kept_is_the_centres(site: Archived) -> None:
    """The hourly round leaves alone what retention will drop."""
    site.fill()
    over = FixedClock(datetime.fromisoformat("2026-11-21T00:00+00:00") + timedelta(days=1) + load_rules().batches)
    compactor = Compactor(site.engine, site.store, over, load_rules())
    compactor.begin()
    compactor._thread.join()  # type: ignore[union-attr]
    assert [path.name[:10] for path in site.files()] == ["2026-11-22"]
    assert sorted(site.read(CELLS)) == site.expected()


def test_an_archive_that_is_gone_before_it_is_opened_is_looked_for_again(site: Archived, monkeypatch: Any) -> None:
    """Merged into another meanwhile: the second look finds the new one."""
    site.fill(hours=range(24))
    site.compact()
    real, missed = Place.open, list[str]()

    def gone(place: Place, name: str) -> Any:
        if not missed:
            missed.append(name)
            raise NoSuchArchive(f"{name} is missing")
        return real(place, name)

    monkeypatch.setattr(Place, "open", gone)
    assert sorted(site.read()) == site.expected()
