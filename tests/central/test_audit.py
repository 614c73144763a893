"""The audit log: one tree, whoever writes, and every edit shows, also after a case was erased from it."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, func, select, text

from central.audit.checking import Checked, check
from central.audit.columns import append_only, leaf_data, leaf_of
from central.audit.log import ERASED, Head
from central.audit.merkle import consistency_holds, inclusion_holds
from central.audit.service import LOG, adopt, entries, first_broken, record
from central.audit.tables import AuditEntry, AuditNode
from central.database import open_database, writing
from tests.central.test_merkle import mth
from tests.postgres import database_in

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_database(database_in(tmp_path))


def write(engine: Engine, who: str, count: int, case: str = "case-{}") -> None:
    for number in range(count):
        with writing(engine) as session:
            record(session, NOW + timedelta(seconds=number), who, "did", case.format(number), f"detail {number}")


def checked(engine: Engine, *heads: Head) -> Checked:
    with Session(engine) as session:
        return check(LOG, session, heads)


def heads(engine: Engine, *sizes: int) -> list[Head]:
    with Session(engine) as session:
        return [LOG.head(session, size) for size in sizes]


def do(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_many_writers_at_once_make_one_chain(tmp_path: Path, engine: Engine) -> None:
    """Threads and connections that write at the same time never take the same number, and none is lost."""
    another = open_database(database_in(tmp_path))
    threads = [
        threading.Thread(target=write, args=(engines, f"who-{n}", 15))
        for n, engines in enumerate([engine, another, engine, another])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Session(engine) as session:
        assert session.exec(select(func.count()).select_from(AuditEntry)).one() == 60
        assert first_broken(session) is None
        assert LOG.size(session) == 60
    assert checked(engine) == Checked(60, heads(engine, 60)[0].root, 0)


def test_a_writer_that_takes_no_lock_cannot_fork_the_log(engine: Engine) -> None:
    """Two that both saw seven entries cannot both write the eighth: the second one fails, and the log is whole."""
    write(engine, "kim", 7)
    first, second = Session(engine), Session(engine)
    stale = AuditEntry(id=8, at=NOW, account="lee", action="did", salt=b"", commitment=bytes(32))
    second.add(stale)
    LOG.append(first, NOW, "kim", "did")
    first.commit()
    with pytest.raises(IntegrityError):
        second.commit()
    second.rollback()
    first.close()
    second.close()
    assert (checked(engine).size, checked(engine).wrong) == (8, None)


@pytest.mark.parametrize(
    ("edit", "broken", "reason"),
    [
        ("UPDATE auditentry SET detail = 'x' WHERE id = 3", 3, "edited"),
        ("UPDATE auditentry SET at = '2020-01-01 00:00:00' WHERE id = 1", 1, "edited"),
        ("UPDATE auditentry SET action = 'read route' WHERE id = 5", 5, "edited"),
        ("UPDATE auditentry SET account = 'tam' WHERE id = 2", 2, "edited"),
        ("UPDATE auditentry SET \"case\" = 'case-9' WHERE id = 2", 2, "edited"),
        ("UPDATE auditentry SET salt = commitment WHERE id = 4", 4, "edited"),
        ("UPDATE auditentry SET commitment = salt WHERE id = 4", 4, "edited"),
        ("UPDATE auditentry SET commitment = NULL WHERE id = 4", 4, "not in the tree"),
        ("UPDATE auditentry SET salt = NULL WHERE id = 4", 4, "half erased"),
        ("DELETE FROM auditentry WHERE id = 2", 2, "missing"),
        ("DELETE FROM auditentry WHERE id = 5", 5, "missing"),
        ("DELETE FROM auditentry", 1, "missing"),
        ("UPDATE auditentry SET id = id + 10 WHERE id = 2", 2, "missing"),
        ("UPDATE auditentry SET id = 6 WHERE id = 5", 5, "missing"),
        ("DELETE FROM auditnode WHERE position = 6", 4, "stored tree"),
        ("UPDATE auditnode SET hash = (SELECT hash FROM auditnode WHERE position = 0) WHERE position = 3", 3, "edited"),
        ("DELETE FROM auditnode WHERE position > 4", 4, "not in the tree"),
    ],
)
def test_an_edit_shows(engine: Engine, edit: str, broken: int, reason: str) -> None:
    """A changed, missing, moved or half erased entry, or a hole in the tree, is found at its first place."""
    write(engine, "kim", 5)
    do(engine, edit)
    found = checked(engine)
    assert found.wrong == broken
    assert reason in found.reason
    with Session(engine) as session:
        assert first_broken(session) == broken


def test_swapped_entries_show(engine: Engine) -> None:
    """Two entries that changed places are both in the wrong one."""
    write(engine, "kim", 5)
    numbers = ("SET id = 99 WHERE id = 2", "SET id = 2 WHERE id = 4", "SET id = 4 WHERE id = 99")
    do(engine, *(f"UPDATE auditentry {change}" for change in numbers))
    assert (checked(engine).wrong, checked(engine).reason) == (2, "this entry was edited")


def test_an_entry_that_was_slipped_in_shows(engine: Engine) -> None:
    """An entry beyond the tree's end is told, until the next act makes it one that everybody sees."""
    write(engine, "kim", 5)
    with Session(engine) as session:
        session.add(AuditEntry(id=6, at=NOW, account="x", action="did", salt=b"s", commitment=bytes(32)))
        session.commit()
    assert (checked(engine).wrong, checked(engine).reason) == (6, "this entry is not in the tree")
    write(engine, "kim", 1)
    assert (checked(engine).wrong, checked(engine).reason) == (6, "this entry was edited")


def test_a_truncated_log_shows_against_a_checkpoint(engine: Engine) -> None:
    """Entries and tree cut off together leave a log that fits itself, but not what was signed of it."""
    write(engine, "kim", 9)
    signed = heads(engine, 9)
    do(engine, "DELETE FROM auditentry WHERE id > 6", "DELETE FROM auditnode WHERE position > 9")
    assert checked(engine).wrong is None
    found = checked(engine, *signed)
    assert (found.wrong, "9 entries" in found.reason) == (7, True)
    write(engine, "lee", 3)
    found = checked(engine, *signed)
    assert (found.wrong, "checkpoint" in found.reason) == (9, True)


def test_a_log_fits_every_checkpoint_of_its_past(engine: Engine) -> None:
    """Roots of all sizes, taken as it grew, still hold; a root of nothing is that of the empty log."""
    taken = heads(engine, 0)
    for _ in range(12):
        write(engine, "kim", 1)
        with Session(engine) as session:
            taken.append(LOG.head(session))
    assert [head.size for head in taken] == list(range(13))
    assert checked(engine, *taken).wrong is None
    assert checked(engine, Head(0, bytes(32))).wrong == 1
    with Session(engine) as session:
        rows = LOG.entries(session, None, 0, 100)
        data = [leaf_data(row.at, row.action, row.commitment or b"") for row in rows]
        assert [mth(data[:size]) for size in range(13)] == [head.root for head in taken]
        for old in range(13):
            path = LOG.consistency(session, old, 12)
            assert consistency_holds(old, 12, path, taken[old].root, taken[12].root)
        for row in rows:
            path = LOG.inclusion(session, row.id or 0, 12)
            assert inclusion_holds(leaf_of(row), (row.id or 0) - 1, 12, path, taken[12].root)


def test_a_leaf_holds_no_name_and_no_case(engine: Engine) -> None:
    """When and which kind of act are hashed in the clear, everything else behind a salt: the same act twice differs."""
    for _ in range(2):
        with writing(engine) as session:
            record(session, NOW, "kim", "read route", "case-17", "detail")
    with Session(engine) as session:
        rows = LOG.entries(session, None, 0, 10)
        data = [leaf_data(row.at, row.action, row.commitment or b"") for row in rows]
    assert all(b"read route" in one and b"2026-11-24T09:30" in one for one in data)
    assert not any(word in one for one in data for word in (b"kim", b"case-17", b"detail"))
    assert data[0] != data[1]


def test_a_case_is_erased_and_the_log_still_holds(engine: Engine) -> None:
    """Nothing readable of it is left, every root is as before, and how many were erased is on record."""
    write(engine, "kim", 4, "case-1")
    write(engine, "lee", 4, "case-2")
    before = heads(engine, 1, 4, 8)
    with writing(engine) as session:
        assert LOG.erase_case(session, NOW, "centre", "case-1") == 4
        session.commit()
    found = checked(engine, *before)
    assert (found.wrong, found.size, found.erased) == (None, 9, 4)
    with Session(engine) as session:
        assert LOG.entries(session, "case-1", 0, 10) == []
        rows = LOG.entries(session, None, 0, 10)
        assert {(row.account, row.case, row.detail, row.salt) for row in rows[:4]} == {("", "", "", None)}
        assert {row.action for row in rows[:4]} == {"did"}
        assert (rows[8].action, rows[8].detail, rows[8].account) == (ERASED, "4", "centre")
    with writing(engine) as session:
        assert LOG.erase_case(session, NOW, "centre", "case-1") == 0
        with pytest.raises(ValueError, match="no case"):
            LOG.erase_case(session, NOW, "centre", "")
    assert checked(engine).size == 9


def test_erasing_behind_the_logs_back_shows(engine: Engine) -> None:
    """Whoever blanks an entry by hand leaves one more erased than the log has entries about."""
    write(engine, "kim", 6, "case-1")
    do(engine, "UPDATE auditentry SET salt = NULL, account = '', \"case\" = '', detail = '' WHERE id = 3")
    found = checked(engine)
    assert (found.erased, found.reason) == (1, "1 entries were erased without an entry that says so")


def test_old_entries_are_erased_and_so_are_those_about_erasing(engine: Engine) -> None:
    """Erasing by age carries the count on, so that the log goes on fitting for years."""
    write(engine, "kim", 4, "case-1")
    write(engine, "kim", 3, "")
    for days in range(1, 5):
        with writing(engine) as session:
            now = NOW + timedelta(days=days)
            LOG.append(session, now, "kim", "did", "case-3", "x")
            LOG.erase_case(session, now, "centre", "case-1")
            assert LOG.erase_before(session, now, "centre", now - timedelta(days=1)) > 0
            session.commit()
        assert checked(engine).wrong is None
    with Session(engine) as session:
        left = [row.action for row in LOG.entries(session, None, 0, 100) if row.salt]
    assert left == ["did", ERASED]


def test_an_older_logs_entries_are_taken_into_the_tree(engine: Engine) -> None:
    """Rows of the first version, with a gap in their numbers, get commitments and places at the next act."""
    with Session(engine) as session:
        session.add_all(AuditEntry(id=n, at=NOW, account="kim", action="did", detail=f"{n}") for n in (1, 2, 5, 9))
        session.commit()
    assert (checked(engine).wrong, checked(engine).reason) == (1, "this entry is not in the tree")
    with writing(engine) as session:
        assert adopt(session) == 4
    write(engine, "lee", 1)
    assert (checked(engine).wrong, checked(engine).size) == (None, 5)
    with Session(engine) as session:
        rows = LOG.entries(session, None, 0, 10)
        assert [(row.id, row.detail) for row in rows] == [(1, "1"), (2, "2"), (3, "5"), (4, "9"), (5, "detail 0")]
        assert all(row.salt and row.commitment for row in rows)


def test_a_tree_that_was_lost_is_made_again_and_an_edit_is_not_covered_up(engine: Engine) -> None:
    """The stored hashes follow from the entries' commitments: built anew they give the old roots, edits included."""
    write(engine, "kim", 11)
    before = heads(engine, 11)
    do(engine, "DELETE FROM auditnode", "UPDATE auditentry SET detail = 'x' WHERE id = 7")
    with writing(engine) as session:
        assert adopt(session) == 11
    assert heads(engine, 11) == before
    assert checked(engine).wrong == 7


def test_a_hole_in_the_tree_stops_nobody(engine: Engine) -> None:
    """A damaged tree is told by the check; acts are still entered, since a withdrawal must never wait for it."""
    write(engine, "kim", 5)
    do(engine, "DELETE FROM auditnode WHERE position = 6")
    write(engine, "kim", 5)
    with Session(engine) as session:
        assert LOG.size(session) == 10
    assert checked(engine).wrong == 4


def test_entries_come_page_by_page(engine: Engine) -> None:
    """Oldest first after a given id, or newest first before one; of one case or of all."""
    write(engine, "kim", 5)
    with Session(engine) as session:
        assert [entry.id for entry in entries(session, None, 2, 2)] == [3, 4]
        assert [entry.id for entry in entries(session, "case-4", 0, 10)] == [5]
        assert [entry.id for entry in LOG.newest(session, None, None, 2)] == [5, 4]
        assert [entry.id for entry in LOG.newest(session, None, 3, 2)] == [2, 1]
        assert [entry.id for entry in LOG.newest(session, "case-1", 3, 2)] == [2]


@pytest.mark.parametrize("entry_at", [NOW, NOW.replace(microsecond=1), datetime(1, 1, 1, tzinfo=UTC)])
def test_times_come_back_to_the_microsecond(engine: Engine, entry_at: datetime) -> None:
    """What was hashed is what is read again, with or without a fraction of a second."""
    with writing(engine) as session:
        record(session, entry_at, "kim", "did")
    assert checked(engine).wrong is None


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=25)
@given(
    words=st.tuples(*[st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=40)] * 4)
)
def test_any_words_can_be_entered(engine: Engine, words: tuple[str, str, str, str]) -> None:
    """Whatever text comes, the log takes it and holds."""
    with writing(engine) as session:
        record(session, NOW, *words)
    assert checked(engine).wrong is None


def test_sqlite_refuses_what_is_not_appending(tmp_path: Path) -> None:
    """With the triggers that are offered, rows stay as they are; only erasing and adopting are let through."""
    plain = open_database(f"sqlite:///{tmp_path / 'own.sqlite'}")
    with Session(plain) as session:
        session.add(AuditEntry(id=1, at=NOW, account="kim", action="did"))
        session.commit()
    do(plain, *append_only("auditentry", "auditnode"), *append_only("auditentry", "auditnode"))
    with writing(plain) as session:
        adopt(session)
    write(plain, "kim", 3, "case-1")
    for refused in (
        "DELETE FROM auditentry WHERE id = 2",
        "DELETE FROM auditnode",
        "UPDATE auditnode SET hash = 'x'",
        "UPDATE auditentry SET detail = 'x' WHERE id = 2",
        "UPDATE auditentry SET account = '', detail = '' WHERE id = 2",
        "UPDATE auditentry SET commitment = NULL",
    ):
        with pytest.raises(IntegrityError, match="append-only"):
            do(plain, refused)
    with writing(plain) as session:
        assert LOG.erase_case(session, NOW, "centre", "case-1") == 3
        session.commit()
    assert (checked(plain).wrong, checked(plain).erased) == (None, 3)


def fill(engine: Engine, count: int, tell: Callable[[int], None] = lambda _done: None) -> None:
    """Many entries quickly: rows as an older log's, adopted."""
    for start in range(0, count, 10_000):
        rows = [
            {
                "id": start + n + 1, "at": NOW + timedelta(seconds=start + n), "account": "kim", "action": "read route",
                "case": f"case-{secrets.randbelow(10_000)}", "detail": "",
            }
            for n in range(min(10_000, count - start))
        ]  # fmt: skip
        with writing(engine) as session:
            session.bulk_insert_mappings(AuditEntry, rows)
            session.commit()
        with writing(engine) as session:
            adopt(session)
        tell(start + len(rows))


def test_a_larger_log_is_checked_over_its_pages(engine: Engine) -> None:
    """More entries than a page of the check, and progress on the way; an edit on the last page is found."""
    fill(engine, 4100)
    told: list[tuple[int, int]] = []
    with Session(engine) as session:
        assert check(LOG, session, (), lambda done, size: told.append((done, size))).wrong is None
        assert session.exec(select(func.count()).select_from(AuditNode)).one() == 2 * 4100 - (4100).bit_count()
    assert told == [(2000, 4100), (4000, 4100), (4100, 4100)]
    do(engine, "UPDATE auditentry SET detail = 'x' WHERE id = 4099")
    assert checked(engine).wrong == 4099
