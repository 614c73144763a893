"""The batch store behind one protocol, and its SQL form. Adding is idempotent; reading is streamed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Engine, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, func, select

from central.batches.tables import StoredBatch
from central.database import writing
from shared.batches import SealedBatch
from shared.errors import BadBatch
from shared.releases import CaseScope

READ_AT_ONCE = 20  # of 64 KB each: more would leave the processor's cache before the search reads them
_MAPPED_BYTES = 2**40  # SQLite takes what it may, and then reads pages where they lie instead of copying each
CELLS_AT_ONCE = 500
Key = tuple[str, int, int]  # node, boot, sequence
Lying = tuple[str, int, bytes]  # cell, hour, and the batch as it came
_IN_ORDER = (col(StoredBatch.cell), col(StoredBatch.hour))


class SequenceReused(BadBatch):
    """A node sent two different batches under one sequence number."""


class BatchStore(Protocol):
    """Where sealed batches lie."""

    def add(self, batches: Sequence[SealedBatch], now: datetime) -> list[SequenceReused | None]:
        """Make batches durable, all in one commit; one answer each, an error where another batch has its number."""

    def stream(self, cells: Sequence[str], hours: range) -> Iterator[Sequence[Lying]]:
        """Batches of these cells and hours, some at a time, cell by cell and each cell's hours in order.

        A search relies on the order: it joins the batches of one cell and must know when it has seen them all.
        """

    def in_scope(self, scope: CaseScope) -> Iterator[bytes]:
        """The same for a scope's cell-hours, one by one."""

    def count(self, scope: CaseScope) -> int: ...

    def sightings(self, scope: CaseScope) -> int:
        """How many sightings the batches in scope hold, by their headers."""

    def drop_hour(self, hour: int, note: Callable[[Session, int], None] | None = None) -> int:
        """Retention: drop all batches of an hour; returns how many.

        `note` writes the evidence and commits it, in the same transaction where the store is a database.
        """


class SqlBatchStore:
    """A BatchStore in the centre's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, batches: Sequence[SealedBatch], now: datetime) -> list[SequenceReused | None]:
        first: dict[Key, SealedBatch] = {}
        for batch in batches:
            first.setdefault(_key(batch), batch)
        kept = {key: batch.raw for key, batch in first.items()}
        with writing(self._engine, beside=True) as session:
            for key in first.keys() - _insert(session, first.values(), now):
                kept[key] = _known(session, key)
            session.commit()
        return [None if kept[_key(batch)] == batch.raw else _reused(batch) for batch in batches]

    def stream(self, cells: Sequence[str], hours: range) -> Iterator[Sequence[Lying]]:
        what = select(StoredBatch.cell, StoredBatch.hour, StoredBatch.raw)
        with self._engine.connect() as connection:
            if self._engine.dialect.name == "sqlite":
                connection.exec_driver_sql(f"PRAGMA mmap_size={_MAPPED_BYTES}")
            streaming = connection.execution_options(yield_per=READ_AT_ONCE)
            for condition in _within(cells, hours):
                yield from streaming.execute(what.where(*condition).order_by(*_IN_ORDER)).partitions()

    def in_scope(self, scope: CaseScope) -> Iterator[bytes]:
        return (raw for some in self.stream(scope.cells, scope.hours) for _, _, raw in some)

    def count(self, scope: CaseScope) -> int:
        return self._total(func.count(), scope)

    def sightings(self, scope: CaseScope) -> int:
        return self._total(func.coalesce(func.sum(StoredBatch.people), 0), scope)

    def _total(self, what: ColumnElement[int], scope: CaseScope) -> int:
        with Session(self._engine) as session:
            return sum(
                int(session.exec(select(what).select_from(StoredBatch).where(*condition)).one())
                for condition in _conditions(scope)
            )

    def drop_hour(self, hour: int, note: Callable[[Session, int], None] | None = None) -> int:
        with writing(self._engine) as session:
            dropped: Any = session.execute(delete(StoredBatch).where(col(StoredBatch.hour) == hour))
            if note and dropped.rowcount:
                note(session, dropped.rowcount)
            session.commit()
            return int(dropped.rowcount)


def _conditions(scope: CaseScope) -> Iterator[tuple[ColumnElement[bool], ...]]:
    # A track belongs to the epoch of its first frame, so one that began just before the window lies in the hour before.
    return _within(scope.cells, scope.hours)


def _within(cells: Sequence[str], hours: range) -> Iterator[tuple[ColumnElement[bool], ...]]:
    for at in range(0, len(cells), CELLS_AT_ONCE):
        some = col(StoredBatch.cell).in_(cells[at : at + CELLS_AT_ONCE])
        yield some, col(StoredBatch.hour) >= hours.start, col(StoredBatch.hour) < hours.stop


def _key(batch: SealedBatch) -> Key:
    return batch.header.node, batch.header.boot, batch.header.sequence


def _insert(session: Session, batches: Iterable[SealedBatch], now: datetime) -> set[Key]:
    """Insert what is new, in one statement; returns the numbers that were."""
    # In one order, so that two programs that store the same batches wait for each other instead of both failing.
    rows = [_row(batch, now) for batch in sorted(batches, key=_key)]
    if not rows:
        return set()
    insert = postgresql.insert if session.get_bind().dialect.name == "postgresql" else sqlite.insert
    fresh = insert(StoredBatch).on_conflict_do_nothing(index_elements=["node", "boot", "sequence"])
    numbers = fresh.returning(col(StoredBatch.node), col(StoredBatch.boot), col(StoredBatch.sequence))
    return {(node, boot, sequence) for node, boot, sequence in session.execute(numbers, rows)}


def _known(session: Session, key: Key) -> bytes:
    node, boot, sequence = key
    same = (StoredBatch.node == node, StoredBatch.boot == boot, StoredBatch.sequence == sequence)
    return session.exec(select(StoredBatch.raw).where(*same)).one()


def _reused(batch: SealedBatch) -> SequenceReused:
    hint = "the box was copied, or its disk was put back: enrol it anew"
    return SequenceReused(f"{batch.header.node} used sequence number {batch.header.sequence} twice", hint=hint)


def _row(batch: SealedBatch, now: datetime) -> dict[str, object]:
    header = batch.header
    names = ("node", "boot", "sequence", "covers", "cell", "hour", "clock_error_ms", "people")
    masks = dict(zip(("mask_worn", "mask_incorrect", "mask_absent", "mask_unknown"), header.masks, strict=True))
    return {name: getattr(header, name) for name in names} | masks | {"received_at": now, "raw": batch.raw}
