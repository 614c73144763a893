"""What was seen and is not yet acknowledged by the centre: sealed batches on disk, so that a power cut loses none.

Every ended track is committed at once as a complete batch of its own (`pending`). When its hour closes they are
merged into few (`ready`). Only the centre's own acknowledgement deletes; the broker's is not enough.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from shared.acks import Ack, AckStatus
from shared.clock import Clock
from shared.epochs import Epoch
from shared.errors import CairnError

_log = logging.getLogger(__name__)

DEFAULT_CAP_BYTES: Final = 2 * 1024**3
MAX_MERGED: Final = 256

_PENDING: Final = "SELECT sequence FROM batch WHERE boot = ? AND cell = ? AND hour = ? AND state = 'pending' ORDER BY 1"
_RELEASE: Final = "UPDATE batch SET state = 'ready' WHERE boot = ? AND cell = ? AND hour = ? AND state = 'pending'"
_SIZE: Final = "SELECT coalesce(sum(length(raw)), 0) FROM (SELECT raw FROM batch UNION ALL SELECT raw FROM refused)"
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


class OutboxFull(OutboxError):
    """The outbox has reached its cap; the track offered to it was not stored."""


class DiskFull(OutboxError):
    """The disk has no room; the track offered was not stored."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Numbers for one new batch. (boot, nonce) never repeats, not even after a failed write or a restart."""

    boot: int
    sequence: int
    covers: int
    nonce: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A batch to be sent."""

    boot: int
    sequence: int
    raw: bytes


Seal: TypeAlias = Callable[[Stamp], bytes]
Merge: TypeAlias = Callable[[Sequence[bytes], Stamp], bytes]


class Outbox:
    """One SQLite file, one process. Safe to use from several threads."""

    def __init__(self, path: Path, clock: Clock, cap_bytes: int = DEFAULT_CAP_BYTES) -> None:
        self._lock = threading.RLock()
        self._cap_bytes = cap_bytes
        self._sequence = 0
        self._nonce = 0
        self._db = _open(path)
        with self._write():
            self.boot = self._next_boot(int(clock.now().timestamp()))
            # What an earlier start left pending cannot be merged: its numbers belong to another boot.
            self._db.execute("UPDATE batch SET state = 'ready' WHERE state = 'pending'")
            self._bytes = self._stored_bytes()

    def add(self, epoch: Epoch, seal: Seal) -> Stamp:
        """Store one ended track; when this returns, it survives a power cut. Raises OutboxFull, DiskFull."""
        with self._lock:
            stamp = self._stamp(self._sequence + 1, covers=1)
            raw = seal(stamp)
            self._refuse_if_full(len(raw))
            with self._write():
                self._insert(stamp, epoch, "pending", raw)
            self._sequence = stamp.sequence
            self._bytes += len(raw)
            return stamp

    def close_epoch(self, epoch: Epoch, merge: Merge | None) -> int:
        """Make the hour's pending batches ready to send, merged where `merge` is given; returns how many are ready.

        Only neighbouring sequence numbers are merged, so that `covers` says exactly which are inside.
        """
        with self._lock, self._write():
            key = (self.boot, epoch.cell, epoch.hour)
            if merge is None:
                return self._db.execute(_RELEASE, key).rowcount
            runs = _runs([int(row[0]) for row in self._db.execute(_PENDING, key)])
            for run in runs:
                self._merge_run(epoch, run, merge)
            self._bytes = self._stored_bytes()
            return len(runs)

    def waiting(self, most: int = -1) -> list[tuple[int, int]]:
        """(boot, sequence) of the batches ready to be sent, oldest first; `most` of them, or all."""
        query = "SELECT boot, sequence FROM batch WHERE state = 'ready' ORDER BY boot, sequence LIMIT ?"
        with self._read() as db:
            found = db.execute(query, (most,))
            return [(int(boot), int(sequence)) for boot, sequence in found]

    def read(self, boot: int, sequence: int) -> Waiting | None:
        """One batch ready to be sent, or none if it was acknowledged meanwhile."""
        with self._read() as db:
            row = db.execute(
                "SELECT raw FROM batch WHERE boot = ? AND sequence = ? AND state = 'ready'", (boot, sequence)
            ).fetchone()
        return None if row is None else Waiting(boot, sequence, bytes(row[0]))

    def settle(self, acks: Sequence[Ack]) -> tuple[int, int]:
        """Take the centre's answers, all in one commit; returns how many batches were let go as stored, as refused.

        What is stored is deleted. What is refused is never sent again and kept aside for a person to look at, until
        `expire`. An answer about a batch that is unknown, or still pending, changes nothing.
        """
        with self._lock, self._write():
            freed = [self._delete_ready(ack) for ack in acks if ack.status is AckStatus.STORED]
            refused = [ack for ack in acks if ack.status is AckStatus.REFUSED and self._set_aside(ack)]
        self._bytes -= sum(freed)
        for ack in refused:
            _log.error("the centre refused batch %d/%d: %s", ack.boot, ack.sequence, ack.reason)
        return sum(size > 0 for size in freed), len(refused)

    def expire(self, hour: int) -> int:
        """Retention holds for a box, too: drop every batch of an hour before `hour`; returns how many were unsent."""
        with self._lock, self._write():
            self._db.execute("DELETE FROM refused WHERE hour < ?", (hour,))
            dropped = self._db.execute("DELETE FROM batch WHERE hour < ?", (hour,)).rowcount
            self._bytes = self._stored_bytes()
        return dropped

    def depth(self) -> dict[str, int]:
        """How many batches are pending, ready and refused, and the bytes they take."""
        with self._read() as db:
            counts = dict(db.execute("SELECT state, count(*) FROM batch GROUP BY state").fetchall())
            refused = int(db.execute("SELECT count(*) FROM refused").fetchone()[0])
            return {
                "pending": counts.get("pending", 0),
                "ready": counts.get("ready", 0),
                "refused": refused,
                "bytes": self._bytes,
            }

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def _next_boot(self, unix_seconds: int) -> int:
        # A fresh file starts at the clock, so that a replaced disk does not repeat the numbers of the lost one.
        row = self._db.execute("SELECT boot FROM start").fetchone()
        boot = unix_seconds if row is None else int(row[0]) + 1
        self._db.execute("INSERT OR REPLACE INTO start (only, boot) VALUES (1, ?)", (boot,))
        return boot

    def _stamp(self, sequence: int, covers: int) -> Stamp:
        # The boot number is on disk before the first stamp, so (boot, nonce) needs no further write to be unique.
        self._nonce += 1
        return Stamp(self.boot, sequence, covers, self._nonce)

    def _merge_run(self, epoch: Epoch, run: range, merge: Merge) -> None:
        span = (self.boot, run.start, run.stop - 1)
        found = self._db.execute(
            "SELECT raw FROM batch WHERE boot = ? AND sequence BETWEEN ? AND ? ORDER BY sequence", span
        )
        raws = [bytes(row[0]) for row in found]
        stamp = self._stamp(run.stop - 1, covers=len(run))
        merged = merge(raws, stamp)
        self._db.execute("DELETE FROM batch WHERE boot = ? AND sequence BETWEEN ? AND ?", span)
        self._insert(stamp, epoch, "ready", merged)

    def _insert(self, stamp: Stamp, epoch: Epoch, state: str, raw: bytes) -> None:
        self._db.execute(
            "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?)",
            (stamp.boot, stamp.sequence, epoch.cell, epoch.hour, state, raw),
        )

    def _set_aside(self, ack: Ack) -> bool:
        self._db.execute(
            "INSERT OR IGNORE INTO refused SELECT boot, sequence, hour, ?, raw FROM batch"
            " WHERE boot = ? AND sequence = ? AND state = 'ready'",
            (ack.reason, ack.boot, ack.sequence),
        )
        return self._delete_ready(ack) > 0

    def _delete_ready(self, ack: Ack) -> int:
        """The size of what was deleted, or 0."""
        found = self._db.execute(
            "DELETE FROM batch WHERE boot = ? AND sequence = ? AND state = 'ready' RETURNING length(raw)",
            (ack.boot, ack.sequence),
        ).fetchone()
        return 0 if found is None else int(found[0])

    def _stored_bytes(self) -> int:
        return int(self._db.execute(_SIZE).fetchone()[0])

    def _refuse_if_full(self, more: int) -> None:
        if self._bytes + more > self._cap_bytes:
            raise OutboxFull(
                f"the outbox holds {self._bytes} bytes and may hold {self._cap_bytes}",
                hint="restore the link to the centre, or raise outbox_cap_mib",
            )

    @contextmanager
    def _read(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            try:
                yield self._db
            except sqlite3.Error as error:
                raise _named(error) from error

    @contextmanager
    def _write(self) -> Iterator[None]:
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


def _runs(sequences: Sequence[int]) -> list[range]:
    """Neighbouring numbers together, at most MAX_MERGED in each run."""
    runs: list[range] = []
    for number in sequences:
        last = runs[-1] if runs else None
        if last is not None and last.stop == number and len(last) < MAX_MERGED:
            runs[-1] = range(last.start, number + 1)
        else:
            runs.append(range(number, number + 1))
    return runs
