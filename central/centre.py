"""What the centre's endpoints share: its database, its clock, the offices it asks, and its running searches."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from time import monotonic
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from sqlmodel import Session

from central.audit.service import record
from central.cases.service import ended_and_untold, told
from central.database import writing
from central.routes.jobs import RouteJobs
from central.routes.store import forget_before, scrub
from central.search.case_search import SearchParts
from central.sites import Site
from shared.clock import Clock
from shared.epochs import HOUR_S
from shared.errors import CairnError
from shared.releases import MAX_WINDOW

log = logging.getLogger(__name__)

PROBES = "probes"
UPKEEP_EVERY_S = 30.0
DROP_EVERY_S = 3600.0
SEOUL = ZoneInfo("Asia/Seoul")


@dataclass(frozen=True, slots=True)
class Centre:
    """One of these a process; every endpoint finds it in the application's state.

    `site` is the pages' address, to which passkeys belong; `zone` is the one in which times are shown.
    """

    engine: Engine
    clock: Clock
    parts: SearchParts
    jobs: RouteJobs
    erased: threading.Event = field(default_factory=threading.Event)
    site: Site | None = None
    zone: ZoneInfo = SEOUL

    @property
    def parties(self) -> list[str]:
        """Who must hear when a case ends: every authority, and the probe service."""
        return [*(one.name for one in self.parts.authorities), PROBES]

    def check_up(self) -> None:
        """Return when every office that a search needs is there. ServiceDown names the one that is not."""
        for one in self.parts.authorities:
            one.check_up()
        self.parts.probes.check_up()

    def note(self, account: str, action: str, case: str = "", detail: str = "") -> None:
        """One entry in the audit log, in a transaction of its own."""
        with writing(self.engine) as session:
            record(session, self.clock.now(), account, action, case, detail)

    def tell_of_end(self, case: str) -> list[str]:
        """Stop releases and erase the template; returns who could not be told and is told later."""
        waiting = []
        with Session(self.engine) as session:
            untold = next((row.untold.split() for row in ended_and_untold(session) if row.case == case), [])
        for party in untold:
            try:
                self._tell(case, party)
            except CairnError as error:
                log.warning("%s has not heard yet that case %s has ended: %s", party, case, error.message)
                waiting.append(party)
                continue
            with writing(self.engine) as session:
                told(session, case, party)
                record(session, self.clock.now(), "centre", "told", case, party)
        return waiting

    def upkeep(self) -> None:
        """Tell again who has not heard; forget routes and batches past retention. What fails is done again later."""
        with Session(self.engine) as session:
            waiting = [row.case for row in ended_and_untold(session)]
        for case in waiting:
            self.tell_of_end(case)
        with writing(self.engine) as session:
            if forget_before(session, self.clock.now() - MAX_WINDOW):
                self.erased.set()
            session.commit()
        self.scrub()

    def scrub(self) -> None:
        """Leave nothing of what was erased in the database's log; while a search reads, the next upkeep does it."""
        if self.erased.is_set() and scrub(self.engine):
            self.erased.clear()

    def drop_old_batches(self) -> int:
        """Retention: batches whose hour ended more than 14 days ago; nothing opens them any more in any case."""
        oldest = self.clock.now() - MAX_WINDOW
        return self.parts.store.drop_before(int(oldest.timestamp()) // HOUR_S)

    def _tell(self, case: str, party: str) -> None:
        if party == PROBES:
            self.parts.probes.erase(case)
        for authority in self.parts.authorities:
            if authority.name == party:
                authority.withdraw(case)


class Upkeep:
    """Runs the centre's upkeep on a thread of its own between start() and stop()."""

    def __init__(self, centre: Centre, every_s: float = UPKEEP_EVERY_S) -> None:
        self._centre, self._every_s = centre, every_s
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        next_drop = 0.0
        self._centre.erased.set()  # who knows what was left when the centre last stopped
        while not self._over.is_set():
            try:
                self._centre.upkeep()
                if monotonic() >= next_drop:
                    self._centre.drop_old_batches()
                    next_drop = monotonic() + DROP_EVERY_S
            except Exception:  # whatever fails now must not end the rounds that tell who has not heard
                log.exception("upkeep failed and is tried again")
            self._over.wait(self._every_s)
