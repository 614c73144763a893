"""The authority's own log, a Merkle tree in its own database: every act and every refusal."""

from __future__ import annotations

import logging

from sqlalchemy import Engine
from sqlmodel import Session

from central.audit.checking import Checked, check
from central.audit.log import Head, MerkleLog
from central.authority.clock_guard import ClockGuard
from central.authority.tables import LogEntry, LogLife, LogNode
from central.database import writing

log = logging.getLogger(__name__)

LOG = MerkleLog(LogEntry, LogNode)


class Book:
    """Entries are dated by the guarded clock: one in doubt must not date an entry."""

    def __init__(self, authority: str, engine: Engine, guard: ClockGuard) -> None:
        self._authority, self._engine, self._guard = authority, engine, guard

    @property
    def origin(self) -> str:
        """The log's name in its checkpoints. A restored database begins a log of its own: its tree cannot continue
        the one that witnesses have seen, and they must be able to tell the two apart."""
        with Session(self._engine) as session:
            life = session.get(LogLife, 1)
        return f"cairn/authority/{self._authority}" + (f"/{life.number}" if life else "")

    def note(self, action: str, case: str = "", detail: str = "") -> None:
        """One entry in a transaction of its own."""
        with writing(self._engine) as session:
            self.enter(session, action, case, detail)
            session.commit()

    def enter(self, session: Session, action: str, case: str = "", detail: str = "") -> None:
        """One entry in the caller's transaction, which must come from `writing`; the caller commits."""
        LOG.append(session, self._guard.read().stamp, "", action, case, detail)
        log.info("%s %s %s", action, case, detail)

    def entries(self) -> list[LogEntry]:
        """The whole log, oldest first."""
        with Session(self._engine) as session:
            return LOG.entries(session, None, 0, 2**31)

    def head(self, size: int | None = None) -> Head:
        with Session(self._engine) as session:
            return LOG.head(session, size)

    def check(self) -> Checked:
        """Read the whole log; `wrong` is the first entry that was edited, moved or is missing."""
        with Session(self._engine) as session:
            return check(LOG, session)

    def begin_anew(self, session: Session, detail: str) -> None:
        """From here on it is another log, whose first new entry says why. The caller commits."""
        life = session.get(LogLife, 1) or LogLife(number=1)
        life.number += 1
        session.add(life)
        self.enter(session, "restored", detail=detail)
