"""The authority's own log, a Merkle tree in its own database: every act and every refusal, witnessed by others."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Engine
from sqlmodel import Session

from central.audit.checking import Checked, check
from central.audit.log import MerkleLog
from central.audit.notes import Verifier
from central.audit.published import Tables
from central.audit.publisher import Publisher
from central.audit.witness import Witnessing
from central.authority.clock_guard import ClockGuard
from central.authority.tables import LogCheckpoint, LogEntry, LogNode, LogWitness
from central.database import writing
from shared.errors import CairnError, TransportDown

log = logging.getLogger(__name__)

LOG = MerkleLog(LogEntry, LogNode)
TABLES = Tables(LOG, LogCheckpoint, LogWitness)


class Stamps:
    """The guarded clock as the log sees it: one in doubt must not date an entry."""

    def __init__(self, guard: ClockGuard) -> None:
        self._guard = guard

    def now(self) -> datetime:
        return self._guard.read().stamp


class Book:
    """Appends, and publishes signed checkpoints to `witnesses`, by their verifier keys."""

    def __init__(
        self,
        engine: Engine,
        guard: ClockGuard,
        authority: str,
        key: Ed25519PrivateKey,
        witnesses: Mapping[Verifier, Witnessing],
    ) -> None:
        self._engine, self._stamps, self._witnesses = engine, Stamps(guard), dict(witnesses)
        origin = f"cairn/authority/{authority}"
        self.publisher = Publisher(engine, self._stamps, TABLES, (origin, key), witnesses, who=authority)

    def note(self, action: str, case: str = "", detail: str = "") -> None:
        """One entry in a transaction of its own."""
        with writing(self._engine) as session:
            self.enter(session, action, case, detail)
            session.commit()

    def enter(self, session: Session, action: str, case: str = "", detail: str = "") -> None:
        """One entry in the caller's transaction, which must come from `writing`; the caller commits."""
        LOG.append(session, self._stamps.now(), "", action, case, detail)
        log.info("%s %s %s", action, case, detail)

    def entries(self) -> list[LogEntry]:
        """The whole log, oldest first."""
        with Session(self._engine) as session:
            return LOG.entries(session, None, 0, 2**31)

    def check(self) -> Checked:
        """Read the whole log; `wrong` is the first entry that was edited, moved or is missing."""
        with Session(self._engine) as session:
            return check(LOG, session)

    def compare(self) -> None:
        """Hold the log against what its witnesses have seen. Raises LogRolledBack, and TransportDown when none of
        them answers: whoever restores an old database could otherwise cut them off and go on."""
        self.publisher.compare()
        self.publisher.must_hold()
        away = [why for key, witness in self._witnesses.items() if (why := self._away(key, witness))]
        if away and len(away) == len(self._witnesses):
            hint = "without one that answers, a restored old database would go unnoticed"
            raise TransportDown(f"no witness of this authority's log answers ({'; '.join(away)})", hint=hint)

    def _away(self, key: Verifier, witness: Witnessing) -> str:
        try:
            witness.latest(self.publisher.log_key().name)
        except CairnError as error:
            return f"{key.name}: {error.message}"
        return ""
