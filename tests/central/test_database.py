"""The centre's database: one writer at a time on either kind, indexes where lists are long, and how it is reached."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event
from sqlmodel import Session, select, text

from central.accounts.tables import Account
from central.audit.service import LOG, first_broken, record
from central.audit.tables import AuditEntry
from central.cases import service
from central.cases.access import cases_of
from central.cases.service import State
from central.cases.tables import Case
from central.database import open_database, writing
from central.errors import BadSettings
from central.retention.due import held
from central.retention.rules import load_rules
from tests.central.authority_fixtures import CASE, NOW
from tests.postgres import Postgres
from tests.waiting import wait_until

LATER = NOW + timedelta(days=1)
TRACER = Account(name="kim-1", roles="tracer", token_hash=b"", signing_public=b"")
APPROVER = Account(name="lee", roles="approver", token_hash=b"", signing_public=b"")
# Questions that pages and the retention job ask, as they ask them.
ASKED: dict[str, Callable[[Session], object]] = {
    "a page of one's own cases": lambda session: cases_of(session, TRACER, 0, 50, NOW),
    "a page of all cases": lambda session: cases_of(session, APPROVER, 0, 50, NOW),
    "a page of the log": lambda session: LOG.entries(session, None, 500, 100),
    "the newest of the log": lambda session: LOG.newest(session, None, None, 100),
    "a case's entries": lambda session: LOG.newest(session, "case-7", None, 100),
    "cases whose end somebody has not heard of": service.ended_and_untold,
    "what is over": lambda session: list(held(session, load_rules(), NOW)),
}


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    made = open_database(database_url)
    yield made
    made.dispose()


def entered(engine: Engine) -> None:
    with writing(engine) as session:
        when: Any = {"opened_at": NOW, "expires": NOW}
        session.add(Case(case=CASE, state=State.OPEN, opened_by="kim", scope=b"", opener_signature=b"", **when))
        session.commit()


def test_a_case_that_is_withdrawn_meanwhile_is_not_approved(engine: Engine) -> None:
    """Whoever approves reads under the writers' lock: what was read before a withdrawal cannot be written after it."""
    entered(engine)
    order: list[str] = []
    reading, go_on = threading.Event(), threading.Event()

    def withdraw() -> None:
        with writing(engine) as session:
            row = session.get_one(Case, CASE)
            reading.set()
            go_on.wait(30)
            service.end(session, row, State.WITHDRAWN, [], NOW)
            order.append("withdrawn")
            record(session, NOW, "kim", "withdrawn", CASE)

    def approve() -> None:
        reading.wait(30)
        with writing(engine) as session:
            row = session.get_one(Case, CASE)
            order.append(f"approver reads {row.state}")
            if row.state == State.OPEN:
                row.state = State.APPROVED
                session.add(row)
                record(session, NOW, "lee", "approved", CASE)

    threads = [threading.Thread(target=withdraw), threading.Thread(target=approve)]
    for thread in threads:
        thread.start()
    wait_until(lambda: reading.is_set() and waits_for_a_lock(engine), "the approver to wait")
    go_on.set()
    for thread in threads:
        thread.join()
    assert order == ["withdrawn", "approver reads withdrawn"]
    with Session(engine) as session:
        assert session.get_one(Case, CASE).state == State.WITHDRAWN


def waits_for_a_lock(engine: Engine) -> bool:
    """SQLite tells nobody who waits; its lock is taken before anything is read."""
    if engine.dialect.name == "sqlite":
        return True
    with engine.connect() as connection:
        return bool(connection.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one())


def test_the_same_case_is_ended_once_whoever_is_first(engine: Engine) -> None:
    """Eight people end one case at once: one of them does, and the log is one chain."""
    entered(engine)
    did: list[str] = []
    ready = threading.Barrier(8)

    def close(name: str) -> None:
        ready.wait(30)
        with writing(engine) as session:
            row = session.get_one(Case, CASE)
            if row.state == State.OPEN:
                service.end(session, row, State.CLOSED, ["probes"], NOW)
                did.append(name)
            record(session, NOW, name, "closed", CASE)

    threads = [threading.Thread(target=close, args=(f"who-{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(did) == 1
    with Session(engine) as session:
        assert LOG.size(session) == 8
        assert first_broken(session) is None


def test_batches_may_be_stored_while_somebody_writes(postgres_url: str) -> None:
    """On PostgreSQL ingest does not wait for a case that is being approved."""
    engine = open_database(postgres_url)
    with writing(engine) as first:
        first.exec(select(Case)).all()
        with writing(engine, beside=True) as second:
            second.connection().exec_driver_sql("SET LOCAL lock_timeout = '5s'")
            assert second.exec(select(Case)).all() == []
            second.commit()
    engine.dispose()


def test_a_writer_that_never_ends_does_not_hold_the_others_for_ever(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits longer than thirty seconds is refused, as SQLite would."""
    monkeypatch.setattr("central.database.WRITERS_WAIT_S", 1)
    engine = open_database(postgres_url)
    with writing(engine) as first:
        first.exec(select(Case)).all()
        with pytest.raises(Exception, match="lock timeout"), writing(engine) as second:
            second.exec(select(Case)).all()
    engine.dispose()


def test_what_is_committed_survives_a_servers_habit(postgres_url: str) -> None:
    """A server that would rather answer early than durably is told otherwise: acknowledged means durable."""
    engine = open_database(postgres_url)
    with engine.connect() as connection:
        assert connection.execute(text("SHOW synchronous_commit")).scalar_one() == "on"
    engine.dispose()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """10,000 cases and 100,000 entries on SQLite."""
    made = open_database(f"sqlite:///{tmp_path_factory.mktemp('many') / 'centre.sqlite'}")
    fill(made)
    yield made
    made.dispose()


@pytest.fixture(scope="module")
def many_on_postgres(postgres: Postgres) -> Iterator[Engine]:
    """The same on PostgreSQL."""
    url = postgres.fresh()
    made = open_database(url)
    fill(made)
    yield made
    made.dispose()
    postgres.drop(url)


def fill(engine: Engine) -> None:
    numbers = range(100_000)
    with engine.begin() as connection:
        cases = [
            {
                "case": f"case-{n}", "state": "closed" if n % 1000 else "open", "opened_by": f"kim-{n % 20}",
                "opened_at": NOW - timedelta(minutes=n), "expires": LATER, "scope": b"s" * 100, "opener_signature": b"",
                "ended_at": NOW - timedelta(minutes=n), "purpose": "kr-idcpa-76-2",
            }
            for n in numbers[:10_000]
        ]  # fmt: skip
        connection.execute(Case.__table__.insert(), cases)  # type: ignore[attr-defined]
        same = {"at": NOW, "account": "kim", "action": "did", "detail": "", "salt": b"s"}
        rows = [{"id": n + 1, "case": f"case-{n % 10_000}", **same} for n in numbers]
        connection.execute(AuditEntry.__table__.insert(), rows)  # type: ignore[attr-defined]
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ANALYZE")


def plans(engine: Engine, ask: Callable[[Session], object]) -> list[str]:
    """How the database answers each question that `ask` puts to it."""
    asked: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    with Session(engine) as session:
        ask(session)
    event.remove(engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN" if engine.dialect.name == "sqlite" else "EXPLAIN"
    with engine.connect() as connection:
        answers = [connection.exec_driver_sql(f"{explain} {statement}", given) for statement, given in asked]
        return ["\n".join([one[0], *(str(row[-1]) for row in said)]) for one, said in zip(asked, answers, strict=True)]


@pytest.mark.parametrize("what", ASKED)
def test_long_lists_are_read_by_an_index_on_sqlite(many: Engine, what: str) -> None:
    """No question reads a whole table of cases or of the log, nor sorts one."""
    for plan in plans(many, ASKED[what]):
        for line in plan.splitlines():
            assert "TEMP B-TREE FOR ORDER" not in line, plan
            assert not line.startswith(("SCAN case", "SCAN auditentry")) or "INDEX" in line or by_number(plan), plan


def by_number(plan: str) -> bool:
    """The log is read in the order of its numbers, which is the order it lies in, and no further than a page."""
    return "ORDER BY auditentry.id" in plan and "LIMIT" in plan


@pytest.mark.parametrize("what", ASKED)
def test_long_lists_are_read_by_an_index_on_postgresql(many_on_postgres: Engine, what: str) -> None:
    """The same there; short tables may be read as they are."""
    for plan in plans(many_on_postgres, ASKED[what]):
        assert "Seq Scan on auditentry" not in plan, plan
        assert 'Seq Scan on "case"' not in plan, plan


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("postgresql+psycopg://cairn@db.example.org/cairn", "without proof"),
        ("postgresql+psycopg://cairn@db.example.org/cairn?sslmode=require", "without proof"),
        ("postgresql+psycopg://cairn@/cairn?host=db.example.org", "without proof"),
        ("postgresql+psycopg://cairn@/cairn?passfile={folder}/none", "password file"),
        ("mysql://cairn@localhost/cairn", "cannot be opened"),
        ("postgresql://cairn@localhost:1/cairn?passfile={folder}/open", "password file"),
    ],
)
def test_an_address_that_gives_data_away_is_refused(tmp_path: Path, address: str, why: str) -> None:
    """Over a network the server proves who it is; a password file is its owner's alone."""
    (tmp_path / "open").write_text("*:*:*:cairn:hunter2")
    (tmp_path / "open").chmod(0o644)
    with pytest.raises(BadSettings, match=why) as refused:
        open_database(address.format(folder=tmp_path))
    assert refused.value.hint


def test_the_password_comes_from_a_file(postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Named in the address or by PGPASSFILE; the engine's words never hold it."""
    postgres.run("CREATE ROLE clerk LOGIN SUPERUSER PASSWORD 'hunter2-from-a-file'")
    place = postgres.with_password("clerk")
    (tmp_path / "pass").write_text("*:*:*:clerk:hunter2-from-a-file\n")
    (tmp_path / "pass").chmod(0o600)
    engine = open_database(f"{place}&passfile={tmp_path / 'pass'}")
    assert "hunter2" not in repr(engine)
    engine.dispose()
    with pytest.raises(BadSettings):
        open_database(place)
    monkeypatch.setenv("PGPASSFILE", str(tmp_path / "pass"))
    open_database(place).dispose()
