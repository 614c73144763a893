"""What a log's two tables have in common, whichever database they are in, and what of an entry is in the tree.

A leaf holds when and what was done, in the clear, and a salted commitment to who did it, under which case and the
rest. Erasing the salt with the words leaves a leaf that still fits and that nobody can guess anything from.
"""

from __future__ import annotations

import datetime as dt
import secrets
from hashlib import sha256
from typing import Any

from sqlalchemy import DateTime
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

from central.audit.merkle import leaf_hash
from shared.clock import as_utc
from shared.wire import pack

SALT_BYTES = 16


class LogTime(TypeDecorator[dt.datetime]):
    """Aware times to the microsecond, kept as UTC: the bytes that are hashed must come back the same."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        return None if value is None else as_utc(value).replace(tzinfo=None)

    def process_result_value(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        return None if value is None else value.replace(tzinfo=dt.UTC)


class EntryColumns(SQLModel):
    """One act. Entries are numbered from 1 without a gap; entry n is leaf n - 1 of the tree.

    Without a salt, the entry was erased and `account`, `case` and `detail` are empty; without a commitment, it comes
    from an older log and is not in the tree yet (MerkleLog.adopt).
    """

    id: int | None = Field(default=None, primary_key=True)
    at: dt.datetime = Field(sa_type=LogTime)
    account: str = ""
    action: str
    case: str = Field(default="", index=True)
    detail: str = ""
    salt: bytes | None = None
    commitment: bytes | None = None


class NodeColumns(SQLModel):
    """The root of one complete subtree, by its position (central.audit.merkle); rows are only ever added."""

    position: int | None = Field(default=None, primary_key=True)
    hash: bytes


class CheckpointColumns(SQLModel):
    """The newest signed checkpoint of one generation of the log, with the cosignatures that it got.

    A new generation begins when an officer goes on after a restore or a fork; it has an origin of its own.
    """

    generation: int = Field(primary_key=True)
    origin: str
    size: int = 0
    note: str = ""
    signed_at: dt.datetime | None = Field(default=None, sa_type=LogTime)


class WitnessColumns(SQLModel):
    """What one witness last cosigned. `trouble` is why it is behind; `alarm` is its word that the log went back."""

    witness: str = Field(primary_key=True)
    origin: str = ""
    size: int = 0
    note: str = ""
    cosigned_at: dt.datetime | None = Field(default=None, sa_type=LogTime)
    trouble: str = ""
    alarm: str = ""


def commitment_of(salt: bytes, account: str, case: str, detail: str) -> bytes:
    """Binds to who, under which case and what exactly; without the salt it tells nothing."""
    return sha256(salt + pack([account, case, detail])).digest()


def leaf_data(at: dt.datetime, action: str, commitment: bytes) -> bytes:
    """The bytes that are hashed into the tree: no name, no case, nothing that may have to be erased."""
    return pack(["cairn/v1 audit", as_utc(at).isoformat(timespec="microseconds"), action, commitment])


def leaf_of(entry: EntryColumns) -> bytes:
    """The leaf's hash of an entry that has a commitment."""
    return leaf_hash(leaf_data(entry.at, entry.action, entry.commitment or b""))


def words_do_not_fit(entry: EntryColumns) -> str:
    """Why the readable words are not those that were committed to; empty when they are, or were erased."""
    if entry.salt is None:
        return "this entry was half erased" if entry.account or entry.case or entry.detail else ""
    fits = commitment_of(entry.salt, entry.account, entry.case, entry.detail) == entry.commitment
    return "" if fits else "this entry was edited"


def sealed(at: dt.datetime, account: str, action: str, case: str, detail: str) -> dict[str, Any]:
    """All columns of a new entry but its number."""
    salt = secrets.token_bytes(SALT_BYTES)
    return {
        "at": as_utc(at), "account": account, "action": action, "case": case, "detail": detail,
        "salt": salt, "commitment": commitment_of(salt, account, case, detail),
    }  # fmt: skip


def append_only(entries: str, nodes: str) -> list[str]:
    """Statements for SQLite triggers: no row is deleted, no node changed, and an entry can only be erased.

    They stop an accident, not whoever owns the file; for that there is the tree. Each can be run again.
    """
    refuse = "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
    kept = " AND ".join(f"NEW.{name} IS OLD.{name}" for name in ("id", "at", "action", "commitment"))
    emptied = "NEW.salt IS NULL AND NEW.account = '' AND NEW.\"case\" = '' AND NEW.detail = ''"
    return [
        f"CREATE TRIGGER IF NOT EXISTS {table}_no_{act.lower()} BEFORE {act} ON {table} {when} {refuse}"
        for table, act, when in (
            (entries, "DELETE", ""),
            (nodes, "DELETE", ""),
            (nodes, "UPDATE", ""),
            # An entry without a commitment is an older log's, which adopt() is still to take in.
            (entries, "UPDATE", f"WHEN OLD.commitment IS NOT NULL AND NOT ({kept} AND {emptied})"),
        )
    ]
