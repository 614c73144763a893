"""The SQLite file beneath the outbox: durable commits, named failures, and a way out of a full disk."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

from edge.reserve import Reserve
from shared.errors import CairnError

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

_LOG_PAGES: Final = 256  # the log stays well below the reserve, so that the reserve is enough to write it out
_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS start (only INTEGER PRIMARY KEY CHECK (only = 1), boot INTEGER NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS batch (
    boot INTEGER NOT NULL, sequence INTEGER NOT NULL, cell TEXT NOT NULL, hour INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('pending', 'ready')), raw BLOB NOT NULL,
    PRIMARY KEY (boot, sequence)) STRICT;
CREATE TABLE IF NOT EXISTS refused (
    boot INTEGER NOT NULL, sequence INTEGER NOT NULL, hour INTEGER NOT NULL, reason TEXT NOT NULL, raw BLOB NOT NULL,
    PRIMARY KEY (boot, sequence)) STRICT;
"""


class OutboxError(CairnError):
    """The outbox cannot be opened, read or written."""


class OutboxInUse(OutboxError):
    """Another process has this outbox open."""


class DiskFull(OutboxError):
    """The disk has no room; the track offered was not stored."""


class OutboxFile:
    """One connection that nobody else may have. The caller sees to it that one thread works at a time."""

    def __init__(self, path: Path, reserve_bytes: int) -> None:
        self._db = _open(path)
        self._reserve = Reserve(path.with_name(path.name + ".reserve"), reserve_bytes)

    def execute(self, sql: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        return self._db.execute(sql, values)

    def making_room(self, work: Callable[[], _T]) -> _T:
        """Commit what empties the outbox in the end: a full disk gives up its reserve for it. Raises OutboxError."""
        try:
            done = self.commit(work)
        except DiskFull:
            self._reserve.let_go()
            self._shorten_log()
            done = self.commit(work)
        self._reserve.hold()
        return done

    def commit(self, work: Callable[[], _T]) -> _T:
        """What `work` does, durable when this returns, or not done at all. Raises OutboxError."""
        try:
            with self._writing():
                return work()
        except DiskFull:
            self._shorten_log()
        with self._writing():
            return work()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Raises OutboxError."""
        try:
            yield self._db
        except sqlite3.Error as error:
            raise _named(error) from error

    def close(self) -> None:
        self._db.close()

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise _named(error) from error

    def _shorten_log(self) -> None:
        """Move what the write-ahead log holds into the file; the log of many small writes is several times as long."""
        try:
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error as error:
            _log.debug("the log stays as long as it is: %s", error)


def _open(path: Path) -> sqlite3.Connection:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=0)
    except (OSError, sqlite3.Error) as error:
        raise OutboxError(f"cannot open the outbox {path}: {error}", hint="check the folder and its owner") from error
    try:
        db.execute("PRAGMA locking_mode = EXCLUSIVE")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA wal_autocheckpoint = {_LOG_PAGES}")
        db.executescript(_SCHEMA)
    except sqlite3.Error as error:
        db.close()
        raise _named(error) from error
    return db


def _named(error: sqlite3.Error) -> OutboxError:
    code = getattr(error, "sqlite_errorcode", None)
    if code == sqlite3.SQLITE_FULL:
        return DiskFull("the disk of the outbox is full", hint="free some space; nothing already stored is lost")
    if code == sqlite3.SQLITE_BUSY:
        return OutboxInUse("another process has this outbox open", hint="stop it first: one outbox, one process")
    return OutboxError(f"the outbox failed: {error}", hint="check the card; a copy of the file helps to find out why")
