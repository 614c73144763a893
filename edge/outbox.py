"""What was seen and is not yet acknowledged by the centre: sealed batches on disk, so that a power cut loses none.

Every ended track is committed at once as a complete batch of its own (`pending`). When its hour closes they are
merged into few (`ready`). Only the centre's own acknowledgement deletes; the broker's is not enough.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from edge.outbox_file import DiskFull, OutboxError, OutboxFile, OutboxInUse
from edge.reserve import RESERVE_BYTES
from shared.acks import Ack, AckStatus
from shared.clock import Clock
from shared.epochs import Epoch

__all__ = ["DiskFull", "Outbox", "OutboxError", "OutboxFull", "OutboxInUse", "Stamp", "Waiting"]

_log = logging.getLogger(__name__)

DEFAULT_CAP_BYTES: Final = 2 * 1024**3
MAX_MERGED: Final = 256

_PENDING: Final = "SELECT sequence FROM batch WHERE boot = ? AND cell = ? AND hour = ? AND state = 'pending' ORDER BY 1"
_RELEASE: Final = "UPDATE batch SET state = 'ready' WHERE boot = ? AND sequence BETWEEN ? AND ?"
_RELEASE_OLD: Final = (
    "UPDATE batch SET state = 'ready' WHERE rowid IN"
    " (SELECT rowid FROM batch WHERE state = 'pending' AND boot <> ? LIMIT 256)"
)
_SIZE: Final = "SELECT coalesce(sum(length(raw)), 0) FROM (SELECT raw FROM batch UNION ALL SELECT raw FROM refused)"


class OutboxFull(OutboxError):
    """The outbox has reached its cap; the track offered to it was not stored."""


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

    def __init__(
        self, path: Path, clock: Clock, cap_bytes: int = DEFAULT_CAP_BYTES, reserve_bytes: int = RESERVE_BYTES
    ) -> None:
        self._lock = threading.RLock()
        self._cap_bytes = cap_bytes
        self._sequence = 0
        self._nonce = 0
        self._file = OutboxFile(path, reserve_bytes)
        self.boot = self._file.making_room(lambda: self._next_boot(int(clock.now().timestamp())))
        # What an earlier start left pending cannot be merged: its numbers belong to another boot.
        while self._file.making_room(lambda: self._file.execute(_RELEASE_OLD, (self.boot,)).rowcount):
            pass
        self._bytes = self._stored_bytes()

    def add(self, epoch: Epoch, seal: Seal) -> Stamp:
        """Store one ended track; when this returns, it survives a power cut. Raises OutboxFull, DiskFull."""
        with self._lock:
            stamp = self._stamp(self._sequence + 1, covers=1)
            raw = seal(stamp)
            self._refuse_if_full(len(raw))
            self._file.commit(lambda: self._insert(stamp, epoch, "pending", raw))
            self._sequence = stamp.sequence
            self._bytes += len(raw)
            return stamp

    def close_epoch(self, epoch: Epoch, merge: Merge | None) -> int:
        """Make the hour's pending batches ready to send, merged where `merge` is given; returns how many are ready.

        Only neighbouring sequence numbers are merged, so that `covers` says exactly which are inside. Each run of them
        is a commit of its own, which a nearly full disk still has room for.
        """
        with self._lock:
            with self._file.reading() as db:
                runs = _runs([int(row[0]) for row in db.execute(_PENDING, (self.boot, epoch.cell, epoch.hour))])
            count = sum(self._file.making_room(partial(self._close_run, epoch, run, merge)) for run in runs)
            self._bytes = self._stored_bytes()
        return count

    def waiting(self, most: int = -1) -> list[tuple[int, int]]:
        """(boot, sequence) of the batches ready to be sent, oldest first; `most` of them, or all."""
        query = "SELECT boot, sequence FROM batch WHERE state = 'ready' ORDER BY boot, sequence LIMIT ?"
        with self._lock, self._file.reading() as db:
            found = db.execute(query, (most,))
            return [(int(boot), int(sequence)) for boot, sequence in found]

    def read(self, boot: int, sequence: int) -> Waiting | None:
        """One batch ready to be sent, or none if it was acknowledged meanwhile."""
        with self._lock, self._file.reading() as db:
            row = db.execute(
                "SELECT raw FROM batch WHERE boot = ? AND sequence = ? AND state = 'ready'", (boot, sequence)
            ).fetchone()
        return None if row is None else Waiting(boot, sequence, bytes(row[0]))

    def settle(self, acks: Sequence[Ack]) -> tuple[int, int]:
        """Take the centre's answers, all in one commit; returns how many batches were let go as stored, as refused.

        What is stored is deleted. What is refused is never sent again and kept aside for a person to look at, until
        `expire`. An answer about a batch that is unknown, or still pending, changes nothing.
        """
        with self._lock:
            freed, refused = self._file.making_room(lambda: self._settle(acks))
            self._bytes -= sum(freed)
        for ack in refused:
            _log.error("the centre refused batch %d/%d: %s", ack.boot, ack.sequence, ack.reason)
        return sum(size > 0 for size in freed), len(refused)

    def expire(self, hour: int) -> int:
        """Retention holds for a box, too: drop every batch of an hour before `hour`; returns how many were unsent."""
        with self._lock:
            dropped = self._file.making_room(lambda: self._drop_before(hour))
            self._bytes = self._stored_bytes()
        return dropped

    def depth(self) -> dict[str, int]:
        """How many batches are pending, ready and refused, and the bytes they take."""
        with self._lock, self._file.reading() as db:
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
            self._file.close()

    def _next_boot(self, unix_seconds: int) -> int:
        # A fresh file starts at the clock, so that a replaced disk does not repeat the numbers of the lost one.
        row = self._file.execute("SELECT boot FROM start").fetchone()
        boot = unix_seconds if row is None else int(row[0]) + 1
        self._file.execute("INSERT OR REPLACE INTO start (only, boot) VALUES (1, ?)", (boot,))
        return boot

    def _stamp(self, sequence: int, covers: int) -> Stamp:
        # The boot number is on disk before the first stamp, so (boot, nonce) needs no further write to be unique.
        self._nonce += 1
        return Stamp(self.boot, sequence, covers, self._nonce)

    def _close_run(self, epoch: Epoch, run: range, merge: Merge | None) -> int:
        span = (self.boot, run.start, run.stop - 1)
        if merge is None:
            return self._file.execute(_RELEASE, span).rowcount
        found = self._file.execute(
            "SELECT raw FROM batch WHERE boot = ? AND sequence BETWEEN ? AND ? ORDER BY sequence", span
        )
        raws = [bytes(row[0]) for row in found]
        stamp = self._stamp(run.stop - 1, covers=len(run))
        merged = merge(raws, stamp)
        self._file.execute("DELETE FROM batch WHERE boot = ? AND sequence BETWEEN ? AND ?", span)
        self._insert(stamp, epoch, "ready", merged)
        return 1

    def _insert(self, stamp: Stamp, epoch: Epoch, state: str, raw: bytes) -> None:
        self._file.execute(
            "INSERT INTO batch VALUES (?, ?, ?, ?, ?, ?)",
            (stamp.boot, stamp.sequence, epoch.cell, epoch.hour, state, raw),
        )

    def _settle(self, acks: Sequence[Ack]) -> tuple[list[int], list[Ack]]:
        freed = [self._delete_ready(ack) for ack in acks if ack.status is AckStatus.STORED]
        return freed, [ack for ack in acks if ack.status is AckStatus.REFUSED and self._set_aside(ack)]

    def _drop_before(self, hour: int) -> int:
        self._file.execute("DELETE FROM refused WHERE hour < ?", (hour,))
        return self._file.execute("DELETE FROM batch WHERE hour < ?", (hour,)).rowcount

    def _set_aside(self, ack: Ack) -> bool:
        self._file.execute(
            "INSERT OR IGNORE INTO refused SELECT boot, sequence, hour, ?, raw FROM batch"
            " WHERE boot = ? AND sequence = ? AND state = 'ready'",
            (ack.reason, ack.boot, ack.sequence),
        )
        return self._delete_ready(ack) > 0

    def _delete_ready(self, ack: Ack) -> int:
        """The size of what was deleted, or 0."""
        found = self._file.execute(
            "DELETE FROM batch WHERE boot = ? AND sequence = ? AND state = 'ready' RETURNING length(raw)",
            (ack.boot, ack.sequence),
        ).fetchone()
        return 0 if found is None else int(found[0])

    def _stored_bytes(self) -> int:
        return int(self._file.execute(_SIZE).fetchone()[0])

    def _refuse_if_full(self, more: int) -> None:
        if self._bytes + more > self._cap_bytes:
            raise OutboxFull(
                f"the outbox holds {self._bytes} bytes and may hold {self._cap_bytes}",
                hint="restore the link to the centre, or raise outbox_cap_mib",
            )


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
