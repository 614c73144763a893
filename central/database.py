"""The centre's database: SQLite by default, PostgreSQL by its address. Sessions commit at the edge, never inside."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, DateTime, Engine, MetaData, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session, SQLModel, create_engine

from central.errors import BadSettings
from central.migrations import CENTRE, bring_up
from shared.clock import as_utc

# Importing a table is what enters it in the metadata; done late, because these modules import this one.
_TABLES = tuple(f"central.{noun}.tables" for noun in ("accounts", "audit", "batches", "cases", "nodes", "routes"))


class UtcTime(TypeDecorator[dt.datetime]):
    """SQLite forgets zones; this stores UTC and hands back aware times."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        return None if value is None else as_utc(value).replace(tzinfo=None)

    def process_result_value(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        return None if value is None else value.replace(tzinfo=dt.UTC)


class CentreTable(SQLModel):
    """Metadata of its own: an authority's tables never appear in the centre's database."""

    metadata = MetaData()


def open_database(url: str) -> Engine:
    """Connect to `url` (sqlite:///FILE or postgresql+psycopg://…) and bring its tables up to date.

    Raises BadSettings when there is no such place; the address, which may hold a password, is not repeated.
    NewerDatabase when a later version of the software has been at work there.
    """
    load_tables()
    try:
        engine = _engine(url)
        bring_up(engine, CENTRE)
    except (ArgumentError, OperationalError, OSError) as error:
        hint = "write sqlite:////absolute/path.db or postgresql+psycopg://…, and check that it can be reached"
        raise BadSettings(f"the database cannot be opened ({type(error).__name__})", hint=hint) from None
    return engine


def load_tables() -> None:
    """Enter every table of the centre in the metadata."""
    for module in _TABLES:
        import_module(module)


@contextmanager
def writing(engine: Engine) -> Iterator[Session]:
    """A session that means to write. SQLite then takes its lock first: one that reads, and only then wants to write,
    is refused at once when somebody else wrote in between."""
    with Session(engine.execution_options(cairn_writes=True)) as session:
        yield session


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if not parsed.drivername.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    if parsed.database and parsed.database != ":memory:":
        path = Path(parsed.database)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": 30})
    event.listen(engine, "connect", _durable)
    event.listen(engine, "begin", _begin)
    return engine


def _durable(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where _begin says so, not where the driver guesses
    # Acknowledged means durable: with FULL a committed batch survives a power cut.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("cairn_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
