"""What the centre's endpoints share: its database, its clock, the offices it asks, and its running searches."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from time import monotonic
from zoneinfo import ZoneInfo

from sqlalchemy import Engine
from sqlmodel import Session

from central.audit.publisher import Publisher
from central.audit.service import adopt, record
from central.backups.catching_up import catch_up, heed
from central.batches.upkeep import Compactor
from central.canaries.upkeep import look_after
from central.cases import ending
from central.cases.service import ended_and_untold
from central.consents.terms import Terms
from central.contacts.presets import Presets, load_presets
from central.database import writing
from central.retention.due import Due, Kind
from central.retention.job import Retention
from central.retention.rules import Rules, load_rules
from central.retention.scrub import scrub
from central.routes.jobs import RouteJobs
from central.search.case_search import SearchParts
from central.sites import Site
from shared.clock import Clock

log = logging.getLogger(__name__)

UPKEEP_EVERY_S = 30.0
RETAIN_EVERY_S = 3600.0
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
    rules: Rules = field(default_factory=load_rules)
    terms: Terms = field(default_factory=Terms.load)
    presets: Presets = field(default_factory=load_presets)
    erased: threading.Event = field(default_factory=threading.Event)
    site: Site | None = None
    zone: ZoneInfo = SEOUL
    publisher: Publisher | None = None

    @property
    def parties(self) -> list[str]:
        """Who must hear when a case ends: every authority, and the probe service."""
        return ending.parties(self.parts)

    def check_up(self) -> None:
        """Return when every office that a search needs is there. ServiceDown names the one that is not."""
        for one in self.parts.authorities:
            one.check_up()
        self.parts.probes.check_up()

    def log_must_hold(self) -> None:
        """Raises LogRolledBack while a witness or the checkpoint file contradicts the audit log."""
        if self.publisher is not None:
            self.publisher.must_hold()

    def publish(self) -> None:
        """Send a checkpoint of the audit log when it grew; whatever fails is done again at the next upkeep."""
        try:
            if self.publisher is not None:
                self.publisher.round()
        except Exception:  # a log that cannot be published must not stop withdrawals from being told
            log.exception("the audit log could not be published, which is tried again")

    def note(self, account: str, action: str, case: str = "", detail: str = "") -> None:
        """One entry in the audit log, in a transaction of its own."""
        with writing(self.engine) as session:
            record(session, self.clock.now(), account, action, case, detail)

    def tell_of_end(self, case: str) -> list[str]:
        """Stop releases and erase the template; returns who could not be told and is told later."""
        return ending.tell_of_end(self.engine, self.clock, self.parts, case)

    def upkeep(self) -> None:
        """Tell again who has not heard; end cases whose time is over. What fails is done again later."""
        with Session(self.engine) as session:
            waiting = [row.case for row in ended_and_untold(session)]
        for case in waiting:
            self.tell_of_end(case)
        self.retain(Kind.EXPIRES)

    def retain(self, *kinds: Kind) -> list[Due]:
        """Destroy what is over, of these kinds or of all, and leave nothing of it in the database's own log."""
        done = self._retention().run(*kinds)
        if done:
            self.erased.set()
        self.scrub()
        return done

    def catch_up(self) -> None:
        """Before serving: what ended while this database was elsewhere ends here. Raises ServiceDown, see catch_up."""
        catch_up(self.engine, self.clock, self.parts, self._retention())
        self.erased.set()

    def heed(self) -> None:
        """End what an authority's office has ended by itself."""
        heed(self.engine, self.clock, self.parts, self.jobs.stop_case)

    def _retention(self) -> Retention:
        return Retention(self.engine, self.clock, self.parts, self.rules, self.jobs.stop_case)

    def scrub(self) -> None:
        """Leave nothing of what was erased in the database's log; while a search reads, the next upkeep does it."""
        if self.erased.is_set() and scrub(self.engine):
            self.erased.clear()


class Upkeep:
    """Runs the centre's upkeep on a thread of its own between start() and stop().

    `settled` is set when the first round is over, which also fetches the authorities' keys and heeds who has ended.
    """

    def __init__(self, centre: Centre, every_s: float = UPKEEP_EVERY_S) -> None:
        self._centre, self._every_s = centre, every_s
        self._compactor = Compactor(centre.engine, centre.parts.store, centre.clock, centre.rules)
        self._over = threading.Event()
        self.settled = threading.Event()
        self._thread = threading.Thread(target=self._run, name="upkeep", daemon=True)

    def start(self) -> None:
        """Compares the audit log with what witnesses have of it before anybody can ask for anything."""
        with writing(self._centre.engine) as session:
            adopt(session)  # an older version's log
        self._centre.publish()
        self._thread.start()

    def stop(self) -> None:
        self._over.set()
        self._thread.join()  # first: it is the one that begins archiving
        self._compactor.stop()

    def _run(self) -> None:
        next_round = 0.0
        self._centre.erased.set()  # who knows what was left when the centre last stopped
        while not self._over.is_set():
            try:
                self._centre.upkeep()
                self._centre.publish()
                if monotonic() >= next_round:
                    look_after(self._centre.engine, self._centre.clock, self._centre.parts.authorities)
                    self._centre.heed()
                    self._centre.retain()
                    self._compactor.begin()
                    next_round = monotonic() + RETAIN_EVERY_S
            except Exception:  # whatever fails now must not end the rounds that tell who has not heard
                log.exception("upkeep failed and is tried again")
            self.settled.set()
            self._over.wait(self._every_s)
