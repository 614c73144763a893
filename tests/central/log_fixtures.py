"""A centre's log with witnesses, for the tests of what is published, compared and begun anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, insert, select
from sqlmodel import Session

from central.audit.history import CheckpointFile
from central.audit.notes import Kind, Verifier
from central.audit.publisher import Publisher
from central.audit.service import LOG, PUBLISHED, record
from central.audit.tables import AuditCheckpoint, AuditEntry, AuditNode, AuditWitness
from central.audit.witness import Witness, Witnessing
from central.audit.witness_store import WitnessStore
from central.database import open_database, writing
from shared.clock import FixedClock
from shared.errors import TransportDown
from tests.postgres import database_in

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
ORIGIN = "cairn.example/centre"
_TABLES = [table.__table__ for table in (AuditEntry, AuditNode, AuditCheckpoint, AuditWitness)]  # type: ignore[union-attr]


@dataclass
class Away:
    """A witness that can be cut off."""

    real: Witnessing
    away: bool = False

    def add(self, request: bytes) -> str:
        self._reach()
        return self.real.add(request)

    def latest(self, origin: str) -> str | None:
        self._reach()
        return self.real.latest(origin)

    def _reach(self) -> None:
        if self.away:
            raise TransportDown("the line is cut", hint="")


@dataclass
class LoggedCentre:
    """One centre's database and key, and witnesses w1 and w2; `publisher()` is what a start of the centre makes."""

    folder: Path
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))

    def __post_init__(self) -> None:
        self.engine = open_database(database_in(self.folder))
        self.file = CheckpointFile(self.folder / "elsewhere.jsonl")
        self.log_key = Verifier.of(ORIGIN, Kind.LOG, self.key)
        self.lines = {name: Away(self.witness(name)) for name in ("w1", "w2")}

    def witness(self, name: str, *more: Verifier) -> Witness:
        """A witness that knows this log and `more`; its key and its store stay the same."""
        seed = (name * 32)[:32].encode()
        path = self.folder / f"{name}.sqlite"
        store = WitnessStore(path) if path.exists() else WitnessStore.make(path)
        private = Ed25519PrivateKey.from_private_bytes(seed)
        return Witness(f"{name}.example/w", private, [self.log_key, *more], store, self.clock)

    @property
    def witness_keys(self) -> list[Verifier]:
        return [self.witness(name).key for name in self.lines]

    def publisher(self, file: CheckpointFile | None = None, **names: Witnessing) -> Publisher:
        return self.publisher_to(names or dict(self.lines), file)

    def publisher_to(self, asked: Mapping[str, Witnessing], file: CheckpointFile | None = None) -> Publisher:
        witnesses = {self.witness(name).key: line for name, line in asked.items()}
        return Publisher(self.engine, self.clock, PUBLISHED, (ORIGIN, self.key), witnesses, file)

    def write(self, count: int, case: str = "case-1") -> None:
        for number in range(count):
            with writing(self.engine) as session:
                record(session, self.clock.now(), "kim", "read route", case, f"number {number}")

    def size(self) -> int:
        with Session(self.engine) as session:
            return LOG.size(session)

    def actions(self) -> list[str]:
        with Session(self.engine) as session:
            return [entry.action for entry in LOG.entries(session, None, 0, 1000)]

    def detail(self, action: str) -> str:
        """What the newest entry of this kind says."""
        with Session(self.engine) as session:
            return next(entry.detail for entry in LOG.newest(session, None, None, 1000) if entry.action == action)

    def back_up(self) -> None:
        """Keep everything that the database has of the log as it is now."""
        with self.engine.connect() as connection:
            self._kept = {table: [dict(row._mapping) for row in connection.execute(select(table))] for table in _TABLES}

    def restore(self) -> None:
        """Put that in place of today's, as after a disk's death."""
        with self.engine.begin() as connection:
            for table, rows in self._kept.items():
                connection.execute(delete(table))
                if rows:
                    connection.execute(insert(table), rows)
