"""What a log remembers of its publishing: its newest checkpoint, how far each witness is, who contradicts it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from central.audit.columns import CheckpointColumns, WitnessColumns
from central.audit.log import Head, MerkleLog
from central.audit.notes import Checkpoint, Note, Verifier
from central.database import writing
from shared.clock import Clock
from shared.errors import BadInput, CairnError

log = logging.getLogger(__name__)

ROLLED_BACK, RESTARTED = "log rolled back", "log restarted"


class Contradicted(Exception):
    """Somebody holds a checkpoint that this log does not continue; `note` is that checkpoint, where it was shown."""

    def __init__(self, words: str, note: str = "") -> None:
        super().__init__(words)
        self.words, self.note = words, note


@dataclass(frozen=True, slots=True)
class Tables:
    """Where a published log lives: its own two tables, its checkpoints and its witnesses."""

    log: MerkleLog[Any, Any]
    checkpoint: type[CheckpointColumns]
    witness: type[WitnessColumns]


class Published:
    """Rows, each change a transaction of its own. `who` acts in the entries that are made here."""

    def __init__(self, engine: Engine, clock: Clock, tables: Tables, name: str, who: str) -> None:
        self._engine, self._clock, self._tables, self._name, self._who = engine, clock, tables, name, who

    def generation(self, session: Session) -> CheckpointColumns:
        """The row of the generation that is being written; a new one, not yet in the session, before the first."""
        table = self._tables.checkpoint
        row = session.exec(select(table).order_by(col(table.generation).desc()).limit(1)).first()
        return row or table(generation=1, origin=_origin(self._name, 1))

    def origin(self) -> str:
        with Session(self._engine) as session:
            return self.generation(session).origin

    def newest(self) -> str:
        """The newest checkpoint with the cosignatures that it has; empty before the first."""
        with Session(self._engine) as session:
            return self.generation(session).note

    def of(self, who: str) -> WitnessColumns:
        """How far a witness is; an empty row for a new one."""
        with Session(self._engine) as session:
            row = session.get(self._tables.witness, who)
            if row is not None:
                session.expunge(row)
            return row or self._tables.witness(witness=who)

    def alarms(self) -> dict[str, str]:
        """Who holds what against this log; empty while everything fits."""
        table = self._tables.witness
        with Session(self._engine) as session:
            rows = session.exec(select(table).where(col(table.alarm) != "")).all()
            return {row.witness: row.alarm for row in rows}

    def compare(self, point: Checkpoint, written: str) -> None:
        """Raises Contradicted unless the log continues this checkpoint, which it has signed."""
        with Session(self._engine) as session:
            size = self._tables.log.size(session)
            if point.size > size:
                raise Contradicted(f"{point.size} entries were signed, and it has {size}: it was rolled back", written)
            if self._tables.log.head(session, point.size) != Head(point.size, point.root):
                raise Contradicted(f"its first {point.size} entries are not those that were signed: it forked", written)

    def alarm(self, who: str, against: Contradicted) -> None:
        """Enter, once, that somebody contradicts the log; it stays until `restart`."""
        with self._changing(who) as (session, row):
            if row.alarm:
                return
            row.alarm, row.note = against.words, against.note or row.note
            detail = f"{who}: {against.words}"
            self._tables.log.append(session, self._clock.now(), self._who, ROLLED_BACK, detail=detail)
        log.critical("the audit log is not the one that %s knows: %s", who, against.words)

    def trouble(self, who: str, error: CairnError) -> None:
        """Note why somebody is behind."""
        if self.of(who).trouble != error.message:
            log.warning("%s is not up to date with the audit log: %s", who, error)
            with self._changing(who) as (_, row):
                row.trouble = error.message

    def reached(self, who: str, point: Checkpoint, note: Note, keys: list[Verifier]) -> None:
        """Note that somebody has this checkpoint, and take over the signatures that `keys` made on it."""
        with self._changing(who) as (session, row):
            row.origin, row.size, row.trouble = point.origin, point.size, ""
            row.note, row.cosigned_at = str(note), self._clock.now()
            newest = self.generation(session)
            if keys and (newest.origin, newest.size) == (point.origin, point.size):
                newest.note = str(Note.parse(newest.note).with_signatures(note, keys))
                session.add(newest)

    def restart(self, account: str, reason: str) -> None:
        """Begin a new generation; its first entry names what others have of the old one."""
        table = self._tables.witness
        with writing(self._engine) as session:
            self._tables.log.lock(session)
            old, rows = self.generation(session), session.exec(select(table)).all()
            lost = "; ".join(_named(row) for row in rows if row.note or row.alarm)
            words = f"{reason} (before: {old.origin}: {lost})"
            self._tables.log.append(session, self._clock.now(), account, RESTARTED, detail=words)
            number = old.generation + 1
            session.add(self._tables.checkpoint(generation=number, origin=_origin(self._name, number)))
            for row in rows:
                session.delete(row)
            session.commit()

    @contextmanager
    def _changing(self, who: str) -> Iterator[tuple[Session, WitnessColumns]]:
        with writing(self._engine) as session:
            self._tables.log.lock(session)  # a command and the centre may both meet a new witness
            row = session.get(self._tables.witness, who) or self._tables.witness(witness=who)
            yield session, row
            session.add(row)
            session.commit()


def check_reason(reason: str) -> str:
    """BadInput unless it says something, on one line."""
    text = " ".join(reason.split())
    if len(text) < 5 or len(text) > 500:
        raise BadInput("the reason is missing", hint="say in 5 to 500 letters why the log begins anew")
    return text


def _origin(name: str, generation: int) -> str:
    return name if generation == 1 else f"{name}/{generation}"


def _named(row: WitnessColumns) -> str:
    _, size, root, *_ = [*row.note.split("\n"), "", "", ""]
    return f"{row.witness} has {size or '?'} entries, root {root or '?'}"
