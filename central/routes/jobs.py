"""Searches in the background: a few at once, each stoppable, each with its progress, none lost silently."""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from central.audit.service import LOG, record
from central.cases.service import State, release_of, scope_of, searchable_until
from central.cases.tables import Case
from central.database import writing
from central.errors import CaseEnded, WrongState
from central.routes import store
from central.routes.likelihood import Calibration
from central.routes.reconstruct import route_to_map
from central.routes.released import ReleasesMade
from central.routes.service import Findings, camera_graph, find_route
from central.routes.tables import RouteJob
from central.search.case_search import SearchParts
from central.search.job import BatchFailed, Progress
from shared.clock import Clock
from shared.epochs import Modality
from shared.errors import CairnError, Refused, ReleaseRefused
from shared.releases import Release

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.1


@dataclass(slots=True)
class _Running:
    case: str
    stop: threading.Event = field(default_factory=threading.Event)
    progress: Progress = field(default_factory=lambda: Progress(0, 0))
    releases: ReleasesMade = field(default_factory=ReleasesMade)
    why: CairnError | None = None  # what the search is stopped for, in words for its tracer

    def end(self, why: CairnError) -> None:
        self.why = self.why or why
        self.stop.set()


class RouteJobs:
    """Thread-safe. `start` and `stop_case` are for the API; `close` stops everything and waits."""

    def __init__(
        self, engine: Engine, clock: Clock, parts: SearchParts, calibration: Calibration, at_once: int
    ) -> None:
        self._engine, self._clock, self._parts, self._calibration = engine, clock, parts, calibration
        self._pool = ThreadPoolExecutor(at_once, thread_name_prefix="route-job")
        self._running: dict[str, _Running] = {}
        self._lock = threading.Lock()
        with writing(engine) as session:
            store.mark_interrupted(session, clock.now())
            session.commit()

    def start(self, session: Session, release: Release, account: str) -> RouteJob:
        """Queue a search; the caller commits by way of the audit log, and then calls `run`.

        Raises WrongState while another search of the case is under way.
        """
        case = release.scope.case
        active = select(RouteJob).where(RouteJob.case == case, col(RouteJob.state).in_(store.ACTIVE))
        if session.exec(active).first() is not None:
            raise WrongState("a search of this case is under way", hint="wait for it, or withdraw the case")
        row = RouteJob(
            id=uuid.uuid4().hex, case=case, asked_by=account, state=store.WAITING, asked_at=self._clock.now()
        )
        session.add(row)
        return row

    def run(self, job: str, case: str) -> None:
        """Begin a job that `start` has entered and that is committed."""
        with self._lock:
            self._running[job] = _Running(case)
        self._pool.submit(self._work, job, case)

    def progress(self, job: str) -> Progress | None:
        """How far a running job is; None when it does not run here."""
        with self._lock:
            running = self._running.get(job)
        return running.progress if running else None

    def stop_case(self, case: str) -> None:
        """Kill the searches of a case; their answers are dropped."""
        with self._lock:
            for running in self._running.values():
                if running.case == case:
                    running.end(_ended(case))

    def close(self) -> None:
        """Stop every search and wait for the threads; what was stopped counts as interrupted."""
        with self._lock:
            for running in self._running.values():
                running.stop.set()
        self._pool.shutdown(wait=True, cancel_futures=True)
        with writing(self._engine) as session:
            store.mark_interrupted(session, self._clock.now())
            session.commit()

    def _work(self, job: str, case: str) -> None:
        running = self._running[job]
        try:
            release, row = self._begin(job, case)
            with Session(self._engine) as session:
                graph = camera_graph(session)
            tell, stop, key, until = self._teller(running), running.stop, row.pseudonym_key, searchable_until(release)
            calibration = self._calibration.for_template(row.masked_template)
            # Distances of one model mean nothing by another's curves.
            calibration.check({Modality.FACE: row.template_model})
            with _stopped_at(until, self._clock, running):
                parts = running.releases.noting(self._parts, release.scope)
                found = find_route(release, parts, graph, calibration, tell, stop, pseudonym_key=key)
            self._keep(job, case, running, found, until)
        except Exception as error:  # noqa: BLE001  (a thread's last words: whatever happened belongs in the job's row)
            self._fail(job, case, running, error)
        finally:
            with self._lock:
                del self._running[job]

    def _begin(self, job: str, case: str) -> tuple[Release, Case]:
        with Session(self._engine) as session:
            batches = self._parts.store.count(scope_of(session.get_one(Case, case)))
        with writing(self._engine) as session:
            row, of_case = session.get_one(RouteJob, job), session.get_one(Case, case)
            if of_case.state != State.APPROVED:
                raise _ended(case)
            row.state, row.batches = store.RUNNING, batches
            session.add(row)
            release = release_of(of_case)
            session.commit()
            session.refresh(of_case)
            return release, of_case

    def _teller(self, running: _Running) -> Callable[[Progress | BatchFailed], None]:
        def tell(event: Progress | BatchFailed) -> None:
            if isinstance(event, Progress):
                running.progress = event
            else:
                log.warning("case %s: batch %d was not searched: %s", running.case, event.index, event.reason)

        return tell

    def _keep(self, job: str, case: str, running: _Running, found: Findings, until: datetime) -> None:
        now = self._clock.now()
        with writing(self._engine) as session:
            # Asked again under the write lock: a case that ended meanwhile gets no result, however late it comes.
            of_case = session.get_one(Case, case)
            if of_case.state != State.APPROVED:
                raise _ended(case)
            if now >= until:
                raise _ran_out()
            row = session.get_one(RouteJob, job)
            row.state, row.ended_at, row.seconds = store.DONE, now, json.dumps(found.seconds)
            row.done, row.failed = found.answer.searched, found.answer.failed
            row.candidates = len(found.answer.candidates)
            session.add(row)
            store.keep_route(session, case, job, route_to_map(found.route), now)
            record(session, now, row.asked_by, "released", case, running.releases.in_words(row.done))

    def _fail(self, job: str, case: str, running: _Running, error: Exception) -> None:
        error = running.why or error
        if not isinstance(error, CairnError):
            log.error("a search of case %s failed", case, exc_info=error)
        now = self._clock.now()
        with writing(self._engine) as session:
            row = session.get_one(RouteJob, job)
            row.state, row.ended_at = (store.STOPPED if running.stop.is_set() else store.FAILED), now
            row.done, row.failed = running.progress.done, running.progress.failed
            row.error, row.message, row.hint = _words(error)
            session.add(row)
            if running.releases.names:  # what was released was released, though nothing came of it
                LOG.append(session, now, row.asked_by, "released", case, running.releases.in_words(row.done))
            action = "refused" if isinstance(error, Refused) else "search failed"
            record(session, now, row.asked_by, action, case, f"{row.error}: {row.message}")


@contextmanager
def _stopped_at(moment: datetime, clock: Clock, running: _Running) -> Iterator[None]:
    """End the search at that moment, however long a batch takes: consent and approval hold for no second more."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_LOOK_EVERY_S):
            if clock.now() >= moment:
                running.end(_ran_out())
                return

    watcher = threading.Thread(target=watch, name="route-job-end", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()


def _ended(case: str) -> CaseEnded:
    return CaseEnded(f"case {case} has ended", hint="open a new case with a new consent")


def _ran_out() -> ReleaseRefused:
    hint = "open a new case, and ask the patient and the approver again"
    return ReleaseRefused("the approval or the consent ran out during the search", hint=hint)


def _words(error: Exception) -> tuple[str, str, str]:
    if isinstance(error, CairnError):
        return type(error).__name__, error.message, error.hint
    return "InternalError", "something went wrong in the search", "look into the service's log"
