"""The audit log: one chain, whoever writes, and every edit shows."""

from __future__ import annotations

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, func, select, text

from central.audit.service import entries, first_broken, record
from central.audit.tables import AuditEntry
from central.database import open_database, writing
from tests.postgres import database_in

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return open_database(database_in(tmp_path))


def write(engine: Engine, who: str, count: int) -> None:
    for number in range(count):
        with writing(engine) as session:
            record(session, NOW, who, "did", f"case-{number}")


def test_many_writers_at_once_make_one_chain(tmp_path: Path, engine: Engine) -> None:
    """Threads and connections that write at the same time never follow the same entry, and none is lost."""
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


@pytest.mark.parametrize(
    ("edit", "broken"),
    [
        ("UPDATE auditentry SET detail = 'x' WHERE id = 3", 3),
        ("UPDATE auditentry SET at = '2020-01-01 00:00:00' WHERE id = 1", 1),
        ("DELETE FROM auditentry WHERE id = 2", 2),
        ("UPDATE auditentry SET id = id + 10 WHERE id = 2", 2),
    ],
)
def test_an_edit_shows(engine: Engine, edit: str, broken: int) -> None:
    """A changed, missing or moved entry is found at the first place where the chain does not hold."""
    write(engine, "kim", 5)
    with engine.begin() as connection:
        connection.execute(text(edit))
    with Session(engine) as session:
        assert first_broken(session) == broken


def test_entries_come_page_by_page(engine: Engine) -> None:
    """Oldest first, after a given id, of one case or of all."""
    write(engine, "kim", 5)
    with Session(engine) as session:
        assert [entry.id for entry in entries(session, None, 2, 2)] == [3, 4]
        assert [entry.id for entry in entries(session, "case-4", 0, 10)] == [5]
