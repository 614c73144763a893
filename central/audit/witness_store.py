"""Where a witness keeps what it cosigned: one small SQLite file, whose every change is on the disk before it counts."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from central.audit.merkle import EMPTY_ROOT
from central.errors import BadSettings
from shared.clock import from_unix

MAX_EVIDENCE = 100
_TABLES = """
CREATE TABLE cosigned (
  origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE evidence (origin TEXT NOT NULL, note TEXT NOT NULL, at REAL NOT NULL, PRIMARY KEY (origin, note));
CREATE TRIGGER never_back BEFORE UPDATE ON cosigned WHEN NEW.size < OLD.size
  BEGIN SELECT RAISE(ABORT, 'a witness never goes back'); END;
CREATE TRIGGER never_forgotten BEFORE DELETE ON cosigned
  BEGIN SELECT RAISE(ABORT, 'a witness forgets no log'); END;
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """The largest cosigned tree of one log; size 0 and no note before the first."""

    origin: str
    size: int = 0
    root: bytes = EMPTY_ROOT
    note: str = ""
    at: datetime | None = None


class WitnessStore:
    """Opens an existing store. Raises BadSettings when it is missing or damaged."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.is_file():
            hint = "make it once with --init; a witness whose store was lost must get a new key, or it would vouch anew"
            raise BadSettings(f"there is no witness store at {path}", hint=hint)
        with self.reading():
            pass

    @classmethod
    def make(cls, path: Path) -> WitnessStore:
        """A new, empty store. BadSettings when there is one already."""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            with closing(_connect(path)) as connection:
                connection.executescript(f"BEGIN IMMEDIATE;{_TABLES}COMMIT;")
        except FileExistsError:
            raise BadSettings(f"{path} exists already", hint="a witness keeps its store for ever") from None
        except OSError as error:
            raise BadSettings(f"cannot make {path}: {error.strerror}", hint="check the folder and its owner") from None
        return cls(path)

    @contextmanager
    def changing(self) -> Iterator[_Change]:
        """Compare and change as one: what another process cosigns waits. Nothing is kept when an error goes through,
        but evidence."""
        with self._open() as connection:
            connection.execute("BEGIN IMMEDIATE")
            change = _Change(connection)
            try:
                yield change
            except Exception:
                connection.execute("COMMIT" if change.only_evidence else "ROLLBACK")
                raise
            connection.execute("COMMIT")

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        with self._open() as connection:
            connection.execute("SELECT origin FROM cosigned LIMIT 1")
            yield connection

    def latest(self, origin: str) -> Seen:
        with self.reading() as connection:
            return _seen(connection, origin)

    def evidence(self, origin: str) -> list[str]:
        """Signed checkpoints of this log that contradict what was cosigned: proof that its holder misbehaved."""
        with self.reading() as connection:
            rows = connection.execute("SELECT note FROM evidence WHERE origin = ? ORDER BY at", (origin,))
            return [note for (note,) in rows]

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with closing(_connect(self._path)) as connection:
                yield connection
        except sqlite3.DatabaseError as error:
            hint = "restore nothing older: with a damaged store the witness needs a new key"
            raise BadSettings(f"the witness store cannot be used ({type(error).__name__})", hint=hint) from error


class _Change:
    """What one request may do, within its transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.only_evidence = False

    def seen(self, origin: str) -> Seen:
        return _seen(self._connection, origin)

    def put(self, seen: Seen) -> None:
        at = seen.at.timestamp() if seen.at else 0.0
        self._connection.execute(
            "INSERT INTO cosigned VALUES (?, ?, ?, ?, ?) ON CONFLICT (origin) DO UPDATE SET "
            "size = excluded.size, root = excluded.root, note = excluded.note, at = excluded.at",
            (seen.origin, seen.size, seen.root, seen.note, at),
        )

    def keep_evidence(self, origin: str, note: str, at: datetime) -> None:
        kept = self._connection.execute("SELECT count(*) FROM evidence WHERE origin = ?", (origin,)).fetchone()
        if kept[0] < MAX_EVIDENCE:
            self._connection.execute("INSERT OR IGNORE INTO evidence VALUES (?, ?, ?)", (origin, note, at.timestamp()))
            self.only_evidence = True


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=30, isolation_level=None)
    # EXTRA: the folder too is on the disk when a change is acknowledged.
    for pragma in ("journal_mode=DELETE", "synchronous=EXTRA"):
        connection.execute(f"PRAGMA {pragma}")
    return connection


def _seen(connection: sqlite3.Connection, origin: str) -> Seen:
    row = connection.execute("SELECT size, root, note, at FROM cosigned WHERE origin = ?", (origin,)).fetchone()
    return Seen(origin, row[0], bytes(row[1]), row[2], from_unix(row[3])) if row else Seen(origin)
