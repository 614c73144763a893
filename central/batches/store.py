"""The batch store behind one protocol, and its SQL form. Adding is idempotent; reading is streamed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Protocol

from sqlalchemy import Engine, delete, insert
from sqlmodel import Session, col, func, select

from central.batches.tables import StoredBatch
from shared.batches import SealedBatch
from shared.errors import BadBatch
from shared.releases import CaseScope

READ_AT_ONCE = 200
CELLS_AT_ONCE = 500


class SequenceReused(BadBatch):
    """A node sent two different batches under one sequence number."""


class BatchStore(Protocol):
    """Where sealed batches lie."""

    def add(self, batches: Sequence[SealedBatch], now: datetime) -> list[SequenceReused | None]:
        """Make batches durable, all in one commit; one answer each, an error where another batch has its number."""

    def in_scope(self, scope: CaseScope) -> Iterator[bytes]:
        """Batches of the scope's cell-hours, streamed."""

    def count(self, scope: CaseScope) -> int: ...

    def drop_before(self, hour: int) -> int:
        """Retention: drop all batches of earlier hours; returns how many."""


class SqlBatchStore:
    """A BatchStore in the centre's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, batches: Sequence[SealedBatch], now: datetime) -> list[SequenceReused | None]:
        with Session(self._engine) as session:
            answers, fresh = [], {}
            for batch in batches:
                key = (batch.header.node, batch.header.boot, batch.header.sequence)
                known = fresh[key].raw if key in fresh else _known(session, key)
                answers.append(_reused(batch) if known is not None and known != batch.raw else None)
                if known is None:
                    fresh[key] = batch
            if fresh:
                session.execute(insert(StoredBatch), [_row(batch, now) for batch in fresh.values()])
            session.commit()
        return answers

    def in_scope(self, scope: CaseScope) -> Iterator[bytes]:
        with Session(self._engine) as session:
            for condition in _conditions(scope):
                query = select(StoredBatch.raw).where(*condition).execution_options(yield_per=READ_AT_ONCE)
                yield from session.exec(query)

    def count(self, scope: CaseScope) -> int:
        with Session(self._engine) as session:
            return sum(
                session.exec(select(func.count()).select_from(StoredBatch).where(*condition)).one()
                for condition in _conditions(scope)
            )

    def drop_before(self, hour: int) -> int:
        with Session(self._engine) as session:
            dropped = session.execute(delete(StoredBatch).where(col(StoredBatch.hour) < hour))
            session.commit()
            return int(dropped.rowcount)  # type: ignore[attr-defined]


def _conditions(scope: CaseScope) -> Iterator[tuple[object, ...]]:
    # A track belongs to the epoch of its first frame, so one that began just before the window lies in the hour before.
    epochs = scope.epochs()
    first, last = epochs[0].hour, epochs[-1].hour
    for at in range(0, len(scope.cells), CELLS_AT_ONCE):
        cells = scope.cells[at : at + CELLS_AT_ONCE]
        yield col(StoredBatch.cell).in_(cells), col(StoredBatch.hour) >= first, col(StoredBatch.hour) <= last


def _known(session: Session, key: tuple[str, int, int]) -> bytes | None:
    node, boot, sequence = key
    same = (StoredBatch.node == node, StoredBatch.boot == boot, StoredBatch.sequence == sequence)
    return session.exec(select(StoredBatch.raw).where(*same)).first()


def _reused(batch: SealedBatch) -> SequenceReused:
    hint = "the box was copied, or its disk was put back: enrol it anew"
    return SequenceReused(f"{batch.header.node} used sequence number {batch.header.sequence} twice", hint=hint)


def _row(batch: SealedBatch, now: datetime) -> dict[str, object]:
    header = batch.header
    names = ("node", "boot", "sequence", "covers", "cell", "hour", "clock_error_ms", "people")
    masks = dict(zip(("mask_worn", "mask_incorrect", "mask_absent", "mask_unknown"), header.masks, strict=True))
    return {name: getattr(header, name) for name in names} | masks | {"received_at": now, "raw": batch.raw}
