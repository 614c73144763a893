"""The centre's database: SQLite by default, PostgreSQL by its address. Sessions commit at the edge, never inside."""

from __future__ import annotations

import datetime as dt
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from sqlalchemy import Connection, DateTime, Engine, MetaData, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, OperationalError
from sqlalchemy.types import TypeDecorator
from sqlmodel import Session, SQLModel, create_engine

from central.errors import BadSettings
from central.migrations.trees import CENTRE, WRITERS_LOCK, bring_up
from shared.clock import as_utc

WRITERS_WAIT_S = 30
_LOOK_AGAIN_S = 0.01
LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})
VERIFIED = frozenset({"verify-full", "verify-ca"})
# Importing a table is what enters it in the metadata; done late, because these modules import this one.
_NOUNS = (
    "accounts", "audit", "backups", "batches", "canaries", "cases", "consents", "nodes", "retention", "routes",
    "testimony",
)  # fmt: skip


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

    PostgreSQL's password is best kept in a file: ?passfile=FILE at the end of the address, or PGPASSFILE. Raises
    BadSettings when there is no such place; the address, which may hold a password, is not repeated.
    NewerDatabase when a later version of the software has been at work there.
    """
    load_tables()
    engine = connect(url)
    with _explained():
        bring_up(engine, CENTRE)
    return engine


def connect(url: str) -> Engine:
    """The same, but take the database as it is."""
    with _explained():
        return _engine(url)


def load_tables() -> None:
    """Enter every table of the centre in the metadata."""
    for noun in _NOUNS:
        import_module(f"central.{noun}.tables")


@contextmanager
def writing(engine: Engine, *, beside: bool = False) -> Iterator[Session]:
    """A session that means to write, while nobody else does: what it reads stays true until it commits.

    SQLite takes its one write lock first, PostgreSQL a lock of ours: a case cannot be approved on what was read before
    its withdrawal. `beside` others is for what is right whoever else writes, such as adding batches; SQLite knows no
    such thing.
    """
    option = {"cairn_writes": not beside or engine.dialect.name == "sqlite"}
    with Session(engine.execution_options(**option)) as session:
        yield session


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (ArgumentError, OperationalError, OSError) as error:
        hint = "write sqlite:////absolute/path.db or postgresql+psycopg://…, and check that it can be reached"
        raise BadSettings(f"the database cannot be opened ({type(error).__name__})", hint=hint) from None


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.drivername.startswith("postgresql"):
        return _postgresql(parsed)
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise ArgumentError(parsed.drivername)
    if parsed.database and parsed.database != ":memory:":
        path = Path(parsed.database)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
    engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": WRITERS_WAIT_S})
    event.listen(engine, "connect", _durable)
    event.listen(engine, "begin", _begin)
    return engine


def _postgresql(url: URL) -> Engine:
    _check_postgresql(url)
    # Each statement sees what was committed before it: with the writers' lock that is all that a writer needs. A
    # snapshot of the whole transaction would be from before the lock was given.
    engine = create_engine(url, pool_pre_ping=True, isolation_level="READ COMMITTED")
    event.listen(engine, "connect", _durable_too)
    event.listen(engine, "begin", _begin_too)
    return engine


def _check_postgresql(url: URL) -> None:
    """Raises BadSettings for an address over which the world could listen, and for a password file that is none."""
    query = {name: value for name, value in url.query.items() if isinstance(value, str)}
    host = url.host or query.get("host", "")
    if host and not host.startswith("/") and host not in LOCAL and query.get("sslmode") not in VERIFIED:
        hint = "add ?sslmode=verify-full&sslrootcert=FILE to its address"
        raise BadSettings("the database would be reached without proof of who it is", hint=hint)
    if "passfile" in query:
        path = Path(query["passfile"])
        if not path.is_file() or path.stat().st_mode & 0o077:
            hint = f"write host:port:database:user:password into it, then: chmod 600 {path}"
            raise BadSettings(f"the password file {path} is missing or open to others", hint=hint)


def _durable(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where _begin says so, not where the driver guesses
    _write_ahead(connection)
    # Acknowledged means durable: with FULL a committed batch survives a power cut.
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _write_ahead(connection: Any) -> None:
    """Several programs open a new database at once. SQLite waits for a lock, but not for the one that this takes."""
    until = monotonic() + WRITERS_WAIT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode not in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED) or monotonic() > until:
                raise
            sleep(_LOOK_AGAIN_S)
        else:
            return


def _durable_too(connection: Any, _record: Any) -> None:
    connection.autocommit = True
    connection.execute(
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
    )
    connection.autocommit = False


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("cairn_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_too(connection: Connection) -> None:
    if connection.get_execution_options().get("cairn_writes", False):
        patience = connection.get_execution_options().get("cairn_patience_s", WRITERS_WAIT_S)
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{int(patience)}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})")
