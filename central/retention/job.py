"""Destroy what is over, each act with its evidence in the audit log, in one transaction: a crash leaves none half done.

Run it as often as you like, in as many programs as you like: what is over is looked at again under the writers' lock.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from sqlalchemy import Engine, delete
from sqlmodel import Session, col

from central.audit.service import LOG, record
from central.batches.tables import RefusedBatch
from central.cases.ending import parties, tell_of_end
from central.cases.service import State, end
from central.cases.tables import Case
from central.consents.records import forget_records
from central.database import CentreTable, writing
from central.retention.due import Due, Kind, expires, first_hour_kept, held, kept_until
from central.retention.rules import Rules
from central.retention.tables import PastCase
from central.routes.store import forget_route
from central.routes.tables import FoundRoute
from central.search.case_search import SearchParts
from shared.clock import Clock, from_unix
from shared.epochs import HOUR_S

log = logging.getLogger(__name__)

WHO = "retention"
# A row of these about a case outlives the case's own time: the log and receipts have their own, the other remains.
_OUTLIVE = frozenset({"auditentry", "consentrecord", "pastcase"})


class Retention:
    """Applies `rules`; `stop` hears of each case that has expired, so that its running searches end."""

    def __init__(
        self, engine: Engine, clock: Clock, parts: SearchParts, rules: Rules, stop: Callable[[str], None] | None = None
    ) -> None:
        self.rules = rules
        self._engine, self._clock, self._parts, self._stop = engine, clock, parts, stop or _nobody
        self._acts: dict[Kind, Callable[[Due], bool]] = {
            Kind.EXPIRES: self._expire,
            Kind.ROUTE: self._erase_route,
            Kind.CASE: self._erase_case,
            Kind.RECEIPTS: self._forget_receipts,
            Kind.BATCHES: self._drop,
            Kind.ARCHIVES: self._delete_archive,
            Kind.REFUSED: self._forget_refused,
            Kind.CASE_AUDIT: self._erase_words_of,
            Kind.AUDIT: self._erase_words,
        }

    def due(self, *kinds: Kind) -> list[Due]:
        """What goes now, of these kinds or of all; nothing is changed."""
        with Session(self._engine) as session:
            return list(held(session, self.rules, self._clock.now(), *kinds))

    def run(self, *kinds: Kind) -> list[Due]:
        """Destroy what is over, of these kinds or of all; returns what was. What fails does not hold up the rest.

        What goes is looked up kind by kind: a file goes with the last hour that was read in it.
        """
        return [one for kind in kinds or Kind for one in self.due(kind) if self._done(one)]

    def _done(self, one: Due) -> bool:
        try:
            return self._acts[one.kind](one)
        except Exception:  # a damaged row must not keep everybody else's data alive
            log.exception("%s %s failed and is tried again", one.kind, one.name)
            return False

    def _expire(self, due: Due) -> bool:
        now = self._clock.now()
        with writing(self._engine) as session:
            row = session.get(Case, due.name)
            if row is None or row.state not in (State.OPEN, State.MANUAL, State.APPROVED) or expires(row) > now:
                return False
            end(session, row, State.EXPIRED, parties(self._parts), now)
            forget_route(session, due.name)
            record(session, now, WHO, "expired", due.name, f"since {due.when.isoformat(timespec='minutes')}")
        self._stop(due.name)
        tell_of_end(self._engine, self._clock, self._parts, due.name)
        return True

    def _erase_route(self, due: Due) -> bool:
        now = self._clock.now()
        with writing(self._engine) as session:
            row = session.get(FoundRoute, due.name)
            if row is None or row.found_at > now - self.rules.routes:
                return False
            forget_route(session, due.name)
            record(session, now, WHO, "erased route", due.name, f"{self.rules.routes.days} days after it was found")
        return True

    def _erase_case(self, due: Due) -> bool:
        # Only once everybody has heard: the name is what the template is found by.
        if waiting := tell_of_end(self._engine, self._clock, self._parts, due.name):
            log.warning("case %s is kept until it is told: %s", due.name, ", ".join(waiting))
            return False
        now = self._clock.now()
        with writing(self._engine) as session:
            row = session.get(Case, due.name)
            if row is None or row.untold or (when := kept_until(row, self.rules)) is None or when > now:
                return False
            session.add(PastCase(case=row.case, state=row.state, ended_at=row.ended_at or now, erased_at=now))
            _erase_everywhere(session, row.case)
            record(session, now, WHO, "erased", due.name, "what was kept of an ended case; its time is over")
        return True

    def _forget_receipts(self, _due: Due) -> bool:
        now = self._clock.now()
        with writing(self._engine) as session:
            gone = forget_records(session, now)
            if gone:
                record(session, now, WHO, "forgot receipts", detail=str(gone))
        return gone > 0

    def _drop(self, due: Due) -> bool:
        now, hour = self._clock.now(), int(due.name)
        if hour >= first_hour_kept(now, self.rules):
            return False
        when = from_unix(hour * HOUR_S).strftime("%Y-%m-%dT%H:00Z")

        def note(session: Session, count: int) -> None:
            record(session, now, WHO, "dropped batches", detail=f"{count} of {when}")

        return self._parts.store.drop_hour(hour, note) > 0

    def _delete_archive(self, due: Due) -> bool:
        now = self._clock.now()

        def note(session: Session, count: int) -> None:
            record(session, now, WHO, "deleted archive", detail=f"{due.name}, {count} batches")

        return self._parts.store.delete_archive(due.name, now, note)

    def _forget_refused(self, _due: Due) -> bool:
        now = self._clock.now()
        with writing(self._engine) as session:
            old = col(RefusedBatch.at) <= now - self.rules.refused_batches
            gone: Any = session.execute(delete(RefusedBatch).where(old))
            if gone.rowcount:
                record(session, now, WHO, "forgot refused batches", detail=str(gone.rowcount))
            return bool(gone.rowcount)

    def _erase_words_of(self, due: Due) -> bool:
        now = self._clock.now()
        with writing(self._engine) as session:
            row = session.get(PastCase, due.name)
            if row is None or row.ended_at > now - self.rules.audit:
                return False
            LOG.erase_case(session, now, WHO, due.name)
            session.delete(row)
            session.commit()
        return True

    def _erase_words(self, _due: Due) -> bool:
        now = self._clock.now()
        with writing(self._engine) as session:
            gone = LOG.erase_before(session, now, WHO, now - self.rules.audit)
            session.commit()
        return gone > 0


def _erase_everywhere(session: Session, case: str) -> None:
    """Every row about a case, in whatever table: one that comes later is not forgotten here."""
    for table in CentreTable.metadata.sorted_tables:
        if "case" in table.columns and table.name not in _OUTLIVE:
            session.execute(delete(table).where(table.c.case == case))


def _nobody(_case: str) -> None:
    """Nobody searches in this program."""
