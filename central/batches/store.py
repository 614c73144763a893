"""The batch store behind one protocol, and its SQL form. Adding is idempotent; reading is streamed.

Archived batches keep their row without their bytes: `central.batches.archives` reads those where they lie.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple, Protocol

from sqlalchemy import ColumnElement, Connection, Engine, delete, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, func, select

from central.batches.tables import ArchivedHour, BatchArchive, StoredBatch
from central.database import writing
from central.errors import BadSettings
from shared.batches import Raw, SealedBatch
from shared.clock import from_unix
from shared.epochs import HOUR_S
from shared.errors import BadBatch
from shared.releases import CaseScope

READ_AT_ONCE = 20  # of 64 KB each: more would leave the processor's cache before the search reads them
_MAPPED_BYTES = 2**40  # SQLite takes what it may, 2 GB as it is mostly built, and reads those pages where they lie
CELLS_AT_ONCE = 500
Key = tuple[str, int, int]  # node, boot, sequence
Lying = tuple[str, int, Raw]  # cell, hour, and the batch as it came
_IN_ORDER = (col(StoredBatch.cell), col(StoredBatch.hour))
HERE = col(StoredBatch.archived_bytes) == 0
Note = Callable[[Session, int], None]


class SequenceReused(BadBatch):
    """A node sent two different batches under one sequence number."""


class NoArchive(BadSettings):
    """Batches lie in archives, and this program was not told where those are."""


class BatchStore(Protocol):
    """Where sealed batches lie."""

    def add(self, batches: Sequence[SealedBatch], now: datetime) -> list[SequenceReused | None]:
        """Make batches durable, all in one commit; one answer each, an error where another batch has its number."""

    def stream(self, cells: Sequence[str], hours: range) -> Iterator[Sequence[Lying]]:
        """Batches of these cells and hours, some at a time, cell by cell and each cell's hours in order.

        A search relies on the order: it joins the batches of one cell and must know when it has seen them all. An
        archived batch is a view of where it lies, so whoever copies it does so once.
        """

    def in_scope(self, scope: CaseScope) -> Iterator[Raw]:
        """The same for a scope's cell-hours, one by one."""

    def count(self, scope: CaseScope) -> int: ...

    def seen(self, scope: CaseScope) -> Seen:
        """What the batches in scope hold, by their headers."""

    def mask_counts(self, hours: range) -> Iterator[MaskCounts]:
        """What the headers count of mask states, each cell and hour once, in order; no batch is opened."""

    def heard(self, cells: Sequence[str], hours: range, before: datetime | None = None) -> dict[tuple[str, int], int]:
        """How many boxes sent a batch, by cell and hour; what is left out sent none.

        With `before` only what had come in by then counts, so that an older search is not told of what it missed.
        """

    def drop_hour(self, hour: int, note: Note | None = None) -> int:
        """Retention: drop all batches of an hour; returns how many.

        `note` writes the evidence and commits it, in the same transaction where the store is a database. From then on
        nobody is given an archived batch of the hour; the file that held its last hour is due to be deleted.
        """

    def delete_archive(self, name: str, now: datetime, note: Note | None = None) -> bool:
        """Delete a file of archived batches that nobody needs any more, if its time has come; `note` as above."""


class Seen(NamedTuple):
    """How many sightings, and of how many of them a box could tell whether there is a face mask: they show a face."""

    sightings: int
    judged: int


class MaskCounts(NamedTuple):
    """Sightings of one cell in one hour: worn, incorrect, absent, unknown."""

    cell: str
    hour: int
    masks: tuple[int, int, int, int]


class SqlBatchStore:
    """A BatchStore in the centre's database. Raises NoArchive for what lies elsewhere."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, batches: Sequence[SealedBatch], now: datetime) -> list[SequenceReused | None]:
        return self.put(batches, now)[0]

    def put(self, batches: Sequence[SealedBatch], now: datetime) -> tuple[list[SequenceReused | None], int]:
        """As `add`, and how many were not there before."""
        first: dict[Key, SealedBatch] = {}
        for batch in batches:
            first.setdefault(_key(batch), batch)
        with writing(self._engine, beside=True) as session:
            fresh = _insert(session, first.values(), now)
            known = {key: _known(session, key) for key in first.keys() - fresh}
            session.commit()

        def same(batch: SealedBatch) -> bool:
            digest = known.get(_key(batch))
            return sha256(batch.raw).digest() == digest if digest else batch.raw == first[_key(batch)].raw

        return [None if same(batch) else _reused(batch) for batch in batches], len(fresh)

    def stream(self, cells: Sequence[str], hours: range) -> Iterator[Sequence[Lying]]:
        with snapshot(self._engine) as connection:
            if archived_in(connection, hours):
                hint = "set CAIRN_CENTRE_ARCHIVE to where `cairn-central batches compact` has put them"
                raise NoArchive("batches of this time lie in archives, and nothing says where those are", hint=hint)
            yield from here(connection, cells, hours)

    def in_scope(self, scope: CaseScope) -> Iterator[Raw]:
        return (raw for some in self.stream(scope.cells, scope.hours) for _, _, raw in some)

    def count(self, scope: CaseScope) -> int:
        return self._totals(scope, func.count())[0]

    def seen(self, scope: CaseScope) -> Seen:
        judged = col(StoredBatch.mask_worn) + col(StoredBatch.mask_incorrect) + col(StoredBatch.mask_absent)
        return Seen(*self._totals(scope, func.sum(StoredBatch.people), func.sum(judged)))

    def mask_counts(self, hours: range) -> Iterator[MaskCounts]:
        states = (StoredBatch.mask_worn, StoredBatch.mask_incorrect, StoredBatch.mask_absent, StoredBatch.mask_unknown)
        within = (col(StoredBatch.hour) >= hours.start, col(StoredBatch.hour) < hours.stop)
        with Session(self._engine) as session:
            summed = select(*_IN_ORDER, *map(func.sum, states)).where(*within).group_by(*_IN_ORDER).order_by(*_IN_ORDER)
            for cell, hour, *masks in session.execute(summed.execution_options(yield_per=1000)):
                worn, incorrect, absent, unknown = map(int, masks)
                yield MaskCounts(cell, hour, (worn, incorrect, absent, unknown))

    def heard(self, cells: Sequence[str], hours: range, before: datetime | None = None) -> dict[tuple[str, int], int]:
        boxes = select(*_IN_ORDER, func.count(func.distinct(StoredBatch.node))).group_by(*_IN_ORDER)
        if before is not None:
            boxes = boxes.where(col(StoredBatch.received_at) <= before)
        with Session(self._engine) as session:
            rows = [row for within in _within(cells, hours) for row in session.execute(boxes.where(*within))]
        return {(cell, hour): int(count) for cell, hour, count in rows}

    def _totals(self, scope: CaseScope, *what: ColumnElement[int]) -> list[int]:
        """All of them in one reading."""
        with Session(self._engine) as session:
            asked = [select(*what).select_from(StoredBatch).where(*condition) for condition in _conditions(scope)]
            rows = [[int(number or 0) for number in session.execute(one).one()] for one in asked]
        return [sum(row[place] for row in rows) for place in range(len(what))]

    def drop_hour(self, hour: int, note: Note | None = None) -> int:
        with writing(self._engine) as session:
            dropped: Any = session.execute(delete(StoredBatch).where(col(StoredBatch.hour) == hour))
            if (archived := session.get(ArchivedHour, hour)) is not None:
                session.delete(archived)
                session.flush()
                retire(session, archived.archive, from_unix((hour + 1) * HOUR_S))  # long ago: it goes at once
            if note and dropped.rowcount:
                note(session, dropped.rowcount)
            session.commit()
            return int(dropped.rowcount)

    def delete_archive(self, name: str, now: datetime, note: Note | None = None) -> bool:
        hint = "set CAIRN_CENTRE_ARCHIVE to where it was written"
        raise NoArchive(f"{name} lies in an archive, and nothing says where that is", hint=hint)


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """A connection on which everything is read as it was at the first look, however long that takes."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql(f"PRAGMA mmap_size={_MAPPED_BYTES}")
            yield connection
        else:
            yield connection.execution_options(isolation_level="REPEATABLE READ")


def archived_in(connection: Connection, hours: range) -> dict[int, str]:
    """In which archives hours lie."""
    within = (col(ArchivedHour.hour) >= hours.start, col(ArchivedHour.hour) < hours.stop)
    rows = connection.execute(select(ArchivedHour.hour, ArchivedHour.archive).where(*within).order_by("hour"))
    return {row.hour: row.archive for row in rows}


def here(connection: Connection, cells: Sequence[str], hours: range) -> Iterator[Sequence[Lying]]:
    """The batches that lie in the database, some at a time, in the order of BatchStore.stream."""
    what = select(StoredBatch.cell, StoredBatch.hour, StoredBatch.raw)
    streaming = connection.execution_options(yield_per=READ_AT_ONCE)
    for condition in _within(cells, hours):
        yield from streaming.execute(what.where(HERE, *condition).order_by(*_IN_ORDER)).partitions()


def cells_here(connection: Connection, cells: Sequence[str], hours: range) -> set[str]:
    """Of which cells any batch lies in the database."""
    what = select(StoredBatch.cell).where(HERE).distinct()
    return {cell for condition in _within(cells, hours) for (cell,) in connection.execute(what.where(*condition))}


def archived_of(connection: Connection, cell: str, hours: range) -> dict[int, int]:
    """How many archived batches of each hour a cell has."""
    within = (col(StoredBatch.cell) == cell, col(StoredBatch.hour) >= hours.start, col(StoredBatch.hour) < hours.stop)
    what = select(StoredBatch.hour, func.count()).where(*within, ~HERE).group_by(col(StoredBatch.hour))
    return {row[0]: row[1] for row in connection.execute(what.order_by("hour"))}


def retire(session: Session, name: str, when: datetime) -> None:
    """An archive in which no hour is read any more is deleted once it is `when`."""
    if session.exec(select(ArchivedHour.hour).where(ArchivedHour.archive == name).limit(1)).first() is None:
        session.execute(update(BatchArchive).where(col(BatchArchive.name) == name).values(delete_after=when))


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
    """The digest of the batch that has this number, wherever it lies."""
    node, boot, sequence = key
    same = (StoredBatch.node == node, StoredBatch.boot == boot, StoredBatch.sequence == sequence)
    digest, raw = session.exec(select(StoredBatch.digest, StoredBatch.raw).where(*same)).one()
    return digest or sha256(raw).digest()


def _reused(batch: SealedBatch) -> SequenceReused:
    hint = "the box was copied, or its disk was put back: enrol it anew"
    return SequenceReused(f"{batch.header.node} used sequence number {batch.header.sequence} twice", hint=hint)


def _row(batch: SealedBatch, now: datetime) -> dict[str, object]:
    header = batch.header
    names = ("node", "boot", "sequence", "covers", "cell", "hour", "clock_error_ms", "people")
    masks = dict(zip(("mask_worn", "mask_incorrect", "mask_absent", "mask_unknown"), header.masks, strict=True))
    return {name: getattr(header, name) for name in names} | masks | {"received_at": now, "raw": batch.raw}
