"""The authority's own tables: wrapped day secrets, people, nodes, cases and an append-only log."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, MetaData, event
from sqlmodel import Field, SQLModel, create_engine

from central.database import UtcTime
from central.migrations import AUTHORITY, bring_up


class AuthorityTable(SQLModel):
    """Its own metadata keeps these tables out of the centre's database, whichever is created first."""

    metadata = MetaData()


class KeyEncryption(AuthorityTable, table=True):
    """The salt under which the passphrase gives the key-encryption key; one row."""

    id: int = Field(default=1, primary_key=True)
    salt: bytes


class DaySecret(AuthorityTable, table=True):
    """A wrapped day secret; a destroyed one stays as a row without a secret, so that it is never drawn again."""

    day: dt.date = Field(primary_key=True)
    wrapped: bytes | None = None
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
    """A case that shares were released for, or that was withdrawn."""

    case: str = Field(primary_key=True)
    expires: dt.datetime | None = Field(default=None, sa_type=UtcTime)
    withdrawn_at: dt.datetime | None = Field(default=None, sa_type=UtcTime)


class LogEntry(AuthorityTable, table=True):
    """One thing this authority did or refused; triggers keep rows from being changed or deleted."""

    id: int | None = Field(default=None, primary_key=True)
    at: dt.datetime = Field(sa_type=UtcTime)
    event: str
    case: str = ""
    detail: str = ""


def open_database(path: Path) -> Engine:
    """Open the database, made or brought up to date. Deleted secrets are overwritten, not just unlinked."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    engine = create_engine(f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": 30})
    event.listen(engine, "connect", _careful)
    bring_up(engine, AUTHORITY)
    return engine


def _careful(connection: Any, _record: Any) -> None:
    # A write-ahead log would keep copies of a destroyed secret for as long as it likes.
    for pragma in ("secure_delete=ON", "journal_mode=DELETE", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")
