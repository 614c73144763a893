"""The authority's own tables: wrapped day secrets, people, nodes, cases and an append-only log."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, MetaData, event
from sqlmodel import Field, SQLModel, create_engine

from central.audit.columns import CheckpointColumns, EntryColumns, NodeColumns, WitnessColumns, append_only
from central.database import UtcTime
from central.migrations.trees import AUTHORITY, bring_up


class AuthorityTable(SQLModel):
    """Its own metadata keeps these tables out of the centre's database, whichever is created first."""

    metadata = MetaData()


class KeyEncryption(AuthorityTable, table=True):
    """The salt and the work under which the passphrase gives the key-encryption key; one row."""

    id: int = Field(default=1, primary_key=True)
    salt: bytes
    scrypt_n: int = 2**15  # what the first version did


class DaySecret(AuthorityTable, table=True):
    """A wrapped day secret; a destroyed one stays as a row without a secret, so that it is never drawn again.

    `key_id` says which key-encryption key it is wrapped under; empty in rows of the first version.
    """

    day: dt.date = Field(primary_key=True)
    wrapped: bytes | None = None
    key_id: str = ""
    destroyed_at: dt.datetime | None = Field(default=None, sa_type=UtcTime)


class PersonEntry(AuthorityTable, table=True):
    """Someone whose signature counts here: roles parted by spaces, and a raw Ed25519 public key, 32 bytes."""

    name: str = Field(primary_key=True)
    roles: str
    public_key: bytes


class NodeEntry(AuthorityTable, table=True):
    """A node that gets shares of its cell's hours; the public key is raw X25519, 32 bytes."""

    node: str = Field(primary_key=True)
    cell: str
    public_key: bytes


class DroppedNode(AuthorityTable, table=True):
    """A node that gets no further shares, and whose retained grant is still on the broker."""

    node: str = Field(primary_key=True)


class CaseEntry(AuthorityTable, table=True):
    """A case that shares were released for, or that was withdrawn.

    `basis`, `scope`, `consent` and `template` are SHA-256 digests of what its first release was for: the purpose lock.
    """

    case: str = Field(primary_key=True)
    basis: bytes | None = None
    scope: bytes | None = None
    consent: bytes | None = None
    template: bytes | None = None
    expires: dt.datetime | None = Field(default=None, sa_type=UtcTime)
    withdrawn_at: dt.datetime | None = Field(default=None, sa_type=UtcTime)


class ProbedHours(AuthorityTable, table=True):
    """Where a case's template was made into probe codes: sorted cells (CBOR), hours from `first` to before `after`.

    What the lifetime counter of an epoch sums up; a row stays until every day of its hours is destroyed.
    """

    case: str = Field(primary_key=True)
    cells: bytes
    first: int
    after: int
    codes: int


class DestructionEntry(AuthorityTable, table=True):
    """The signed statement that a day's secret is destroyed."""

    day: dt.date = Field(primary_key=True)
    destroyed_at: dt.datetime = Field(sa_type=UtcTime)
    signature: bytes


class ClockAnchor(AuthorityTable, table=True):
    """When the clock was last believed: its time, the machine's own count of seconds at that moment, and which start
    of the machine that counts from. `sure` is the latest time that it was for certain; one row."""

    id: int = Field(default=1, primary_key=True)
    at: dt.datetime = Field(sa_type=UtcTime)
    sure: dt.datetime = Field(sa_type=UtcTime)
    boot: str
    elapsed_s: float


class LogEntry(EntryColumns, AuthorityTable, table=True):
    """One thing this authority did or refused; triggers keep rows from being changed or deleted."""


class LogNode(NodeColumns, AuthorityTable, table=True):
    """One hash of the tree over the log."""


class LogCheckpoint(CheckpointColumns, AuthorityTable, table=True):
    """The newest checkpoint of each generation of the log; a restored database begins a new one."""


class LogWitness(WitnessColumns, AuthorityTable, table=True):
    """How far each witness of the log has come."""


def open_database(path: Path) -> Engine:
    """Open, and make or bring up if needed, the database. Deleted secrets are overwritten, not just unlinked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    engine = connect(path)
    bring_up(engine, AUTHORITY)
    with engine.connect().execution_options(cairn_writes=True) as connection, connection.begin():
        for trigger in append_only("logentry", "lognode"):
            connection.exec_driver_sql(trigger)
    return engine


def connect(path: Path) -> Engine:
    """Connect to a database as it is."""
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": 30})
    event.listen(engine, "connect", _careful)
    event.listen(engine, "begin", _begin)
    return engine


def wipe_journal(engine: Engine) -> None:
    """Overwrite in place whatever earlier pages the rollback journal still holds, wrapped secrets among them.

    The journal is one file for ever (PERSIST), so nothing of it lies in blocks that nobody can reach any more. While
    this holds the write lock nobody else uses it, and this transaction itself writes nothing.
    """
    journal = Path(f"{engine.url.database}-journal")
    with engine.connect().execution_options(cairn_writes=True) as connection, connection.begin():
        if journal.exists():
            with journal.open("r+b") as file:
                file.write(bytes(journal.stat().st_size))
                file.flush()
                os.fsync(file.fileno())


def _careful(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where _begin says so
    # A write-ahead log would keep copies of a destroyed secret for as long as it likes.
    pragmas = ("secure_delete=ON", "journal_mode=PERSIST", "synchronous=FULL", "temp_store=MEMORY")
    for pragma in pragmas:
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("cairn_writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
