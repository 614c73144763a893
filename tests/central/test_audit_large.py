"""A log of a million entries: a page of it, an append, a checkpoint and a proof touch as little as in a small one."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert
from sqlmodel import Session, text

from central.audit.checking import check
from central.audit.columns import EntryColumns, leaf_of, sealed
from central.audit.merkle import Frontier, consistency_holds, inclusion_holds, node_count
from central.audit.service import LOG, record
from central.audit.tables import AuditEntry, AuditNode
from central.database import open_database, writing
from tests.postgres import database_in

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
MANY = int(os.environ.get("CAIRN_TEST_LOG_ENTRIES", "1000000"))
_PAGE = 20_000


def fill(engine: Engine, count: int) -> None:
    """Rows as `append` would have made them, many at a time."""
    tree = Frontier()
    for start in range(0, count, _PAGE):
        rows: list[dict[str, Any]] = []
        nodes: list[dict[str, Any]] = []
        for number in range(start, min(start + _PAGE, count)):
            case = f"case-{number % 10_000}"
            row = {"id": number + 1} | sealed(NOW + timedelta(seconds=number), "kim", "read route", case, "")
            first = node_count(number)
            made = tree.add(leaf_of(EntryColumns.model_construct(**row)))
            rows.append(row)
            nodes += [{"position": first + level, "hash": one} for level, one in enumerate(made)]
        with writing(engine) as session:
            session.execute(insert(AuditEntry), rows)
            session.execute(insert(AuditNode), nodes)
            session.commit()
    with engine.begin() as connection:
        connection.execute(text("ANALYZE"))


@dataclass
class Cost:
    """Statements that a piece of work took, and its seconds; only the first is ever asserted."""

    statements: list[str] = field(default_factory=list)
    seconds: float = 0.0


@contextmanager
def counted(engine: Engine) -> Iterator[Cost]:
    cost = Cost()

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        cost.statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    began = perf_counter()
    try:
        yield cost
    finally:
        cost.seconds = perf_counter() - began
        event.remove(engine, "before_cursor_execute", note)


def work(engine: Engine) -> dict[str, Cost]:
    """What a centre does with its log all day, each piece counted."""
    costs: dict[str, Cost] = {}
    with counted(engine) as costs["append"], writing(engine) as session:
        record(session, NOW, "kim", "read route", "case-17")
    with counted(engine) as costs["first page"], Session(engine) as session:
        assert len(LOG.entries(session, None, 0, 200)) == 200
    with counted(engine) as costs["page in the middle"], Session(engine) as session:
        assert len(LOG.entries(session, None, LOG.size(session) // 2, 200)) == 200
    with counted(engine) as costs["newest page"], Session(engine) as session:
        assert len(LOG.newest(session, None, None, 200)) == 200
    with counted(engine) as costs["page of a case"], Session(engine) as session:
        assert LOG.newest(session, "case-17", None, 200)[0].case == "case-17"
    with counted(engine) as costs["head"], Session(engine) as session:
        head, old = LOG.head(session), LOG.head(session, LOG.size(session) // 3)
    with counted(engine) as costs["consistency proof"], Session(engine) as session:
        path = LOG.consistency(session, old.size, head.size)
        assert consistency_holds(old.size, head.size, path, old.root, head.root)
    with counted(engine) as costs["inclusion proof"], Session(engine) as session:
        entry = session.get_one(AuditEntry, head.size // 2)
        path = LOG.inclusion(session, head.size // 2, head.size)
        assert inclusion_holds(leaf_of(entry), head.size // 2 - 1, head.size, path, head.root)
    return costs


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_a_million_entries_cost_no_more_statements_than_a_thousand(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same few statements, each by an index; the times are only shown."""
    (tmp_path / "small").mkdir()
    small, large = open_database(database_in(tmp_path / "small")), open_database(database_in(tmp_path))
    fill(small, 1000)
    began = perf_counter()
    fill(large, MANY)
    filled = perf_counter() - began
    few, many = work(small), work(large)
    assert {name: len(cost.statements) for name, cost in few.items()} == {
        name: len(cost.statements) for name, cost in many.items()
    }
    began = perf_counter()
    with Session(large) as session:
        assert check(LOG, session).wrong is None
    rows = [f"{MANY:,} entries on {large.dialect.name}, filled in {filled:.0f} s"]
    rows += [
        f"  {name}: {cost.seconds * 1000:.1f} ms, {len(cost.statements)} statements" for name, cost in many.items()
    ]
    rows += [f"  whole check: {perf_counter() - began:.0f} s"]
    with capsys.disabled():
        sys.stdout.write("\n" + "\n".join(rows) + "\n")


def test_no_page_of_the_log_is_found_by_reading_all_of_it(tmp_path: Path) -> None:
    """SQLite's own plan: every question about the log goes by a key or an index."""
    engine = open_database(f"sqlite:///{tmp_path / 'centre.sqlite'}")
    fill(engine, 1000)
    asked = [one for cost in work(engine).values() for one in cost.statements if one.lstrip().startswith("SELECT")]
    assert len(asked) > 8
    with engine.connect() as connection:
        for statement in set(asked):
            values = tuple(1 for _ in range(statement.count("?")))
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values).all()
            steps = [row[3] for row in plan]
            # Going through the rows by their number from one end is how a first or a newest page is read.
            whole = [step for step in steps if step.startswith("SCAN") and "ORDER BY" not in statement]
            assert not whole, (statement, steps)
            assert not any("TEMP B-TREE" in step for step in steps), (statement, steps)
