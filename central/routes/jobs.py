"""Searches in the background: a few at once, each stoppable, each with its progress, none lost silently.

A search whose authority or probe service is away waits, says for whom, and begins again by itself; it outlives the
centre's process, and ends with the case, the approval or the consent.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import datetime
from time import perf_counter
from typing import Any

from sqlalchemy import Engine
from sqlmodel import Session, col, select

from central.audit.service import LOG, record
from central.cases.service import release_of, scope_of, searchable_until
from central.cases.tables import Case
from central.database import writing
from central.errors import WrongState
from central.routes import store
from central.routes.kept import QUESTIONS, kept_route
from central.routes.running import Running, ended, in_words, stopped_at
from central.routes.service import Findings, OfCase, camera_graph, find_route
from central.routes.tables import RouteJob
from central.routes.words import told_of
from central.search.case_search import SearchParts
from central.search.gathering import MOST_TOGETHER, Gatherer
from central.search.job import BatchFailed, Progress
from central.walking.ways import Ways
from shared.calibration.curves import Calibration
from shared.clock import Clock
from shared.epochs import Modality
from shared.errors import CairnError, Refused, TransportDown
from shared.releases import Release

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0
_TOLD_AT_MOST = 20  # batches of one search that failed, by name; the job's row has their number


@dataclass(frozen=True, slots=True)
class Making:
    """What a city chose for its routes: with how many questions each is kept, or fewer, and the walking network."""

    questions: int = QUESTIONS
    ways: Ways | None = None


class RouteJobs:
    """Thread-safe. `start` and `stop_case` are for the API; `close` stops everything and waits.

    `at_once` passes go on at the same time, each for the cases that are asked for together. `pause_s` is how long a
    search waits for an office that is away before it asks again; then twice as long, and so on.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        parts: SearchParts,
        calibration: Calibration,
        at_once: int,
        pause_s: float = FIRST_PAUSE_S,
        making: Making = Making(),
    ) -> None:
        self._engine, self._clock, self._calibration = engine, clock, calibration
        self._making = making
        self._gatherer = Gatherer(at_once)
        self._parts = replace(parts, gatherer=self._gatherer)
        self._pool = ThreadPoolExecutor(at_once * MOST_TOGETHER, thread_name_prefix="route-job")
        self._running: dict[str, Running] = {}
        self._pause_s, self._closed = pause_s, False
        self._lock = threading.Lock()
        with writing(engine) as session:
            store.mark_interrupted(session, clock.now())
            waiting = store.waiting(session)
            session.commit()
        for job, case in waiting:
            self.run(job, case)

    @property
    def calibration(self) -> Calibration:
        """What every search of this centre reads distances by."""
        return self._calibration

    @property
    def ways(self) -> Ways | None:
        """The walking network by which every search of this centre knows the ways between cameras."""
        return self._making.ways

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
            self._running[job] = Running(case, self._pause_s)
        self._pool.submit(self._work, job, case)

    def progress(self, job: str) -> Progress | None:
        """How far a running job is; None when it does not run here."""
        with self._lock:
            running = self._running.get(job)
        return running.progress if running else None

    def stop_case(self, case: str) -> None:
        """Kill the searches of a case; their answers are dropped."""
        self._stop(lambda _, running: running.case == case, ended(case))

    def stop_job(self, job: str) -> None:
        """Kill one search, at its tracer's wish."""
        why = Refused("the search was stopped by its tracer", hint="start it again when it is wanted")
        self._stop(lambda one, _: one == job, why)

    def close(self) -> None:
        """Stop every search and wait for the threads; those that ran count as interrupted, those that waited go on when
        the centre is back."""
        with self._lock:
            self._closed = True
            for running in self._running.values():
                running.stop.set()
                if running.timer:
                    running.timer.cancel()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._gatherer.close()
        with writing(self._engine) as session:
            store.mark_interrupted(session, self._clock.now())
            session.commit()

    def _stop(self, which: Callable[[str, Running], bool], why: CairnError) -> None:
        with self._lock:
            some = [(job, running) for job, running in self._running.items() if which(job, running)]
            for _, running in some:
                running.end(why)
        for job, running in some:
            self._again(job, running)  # one that waits for an office ends now, not when its pause is over

    def _again(self, job: str, running: Running) -> None:
        """Let a search that waits go on: once, whether its pause is over or somebody stops it."""
        with self._lock:
            timer, running.timer = running.timer, None
            if timer is None or self._closed:
                return
            timer.cancel()
            self._pool.submit(self._work, job, running.case)

    def _work(self, job: str, case: str) -> None:
        running = self._running[job]
        try:
            if running.stop.is_set() and running.why:
                raise running.why
            self._search(job, case, running)
        except Exception as error:  # noqa: BLE001  (a thread's last words: whatever happened belongs in the job's row)
            if isinstance(error, TransportDown) and self._waits(job, running, error):
                return
            self._fail(job, case, running, error)
        with self._lock:
            del self._running[job]

    def _search(self, job: str, case: str, running: Running) -> None:
        release, row = self._begin(job, running)
        with Session(self._engine) as session:
            graph, told = camera_graph(session, self.ways), told_of(session, case)
        until, calibration = searchable_until(release), self._calibration.for_template(row.masked_template)
        # Distances of one model mean nothing by another's curves.
        models = {Modality.FACE: row.template_model, Modality.APPEARANCE: row.template_appearance}
        calibration.check({m: model for m, model in models.items() if model and m in release.scope.consents})
        with stopped_at(until, self._clock, running):
            parts = running.releases.noting(self._parts, release.scope)
            of_case, tell = OfCase(row.pseudonym_key, told), self._teller(running)
            found = find_route(release, parts, graph, calibration, tell, running.stop, of_case)
            began = perf_counter()
            route = kept_route(found, graph, told, self._making.questions)
            found.seconds["questions"] = round(perf_counter() - began, 3)
        self._keep(job, running, found, route)

    def _begin(self, job: str, running: Running) -> tuple[Release, Case]:
        case = running.case
        with Session(self._engine) as session:
            batches = self._parts.store.count(scope_of(session.get_one(Case, case)))
        with writing(self._engine) as session:
            row, of_case = session.get_one(RouteJob, job), session.get_one(Case, case)
            if why := running.over(of_case, self._clock.now()):
                raise why
            release = release_of(of_case)
            row.state, row.batches = store.RUNNING, batches
            session.add(row)
            session.commit()
            session.refresh(of_case)
            return release, of_case

    def _waits(self, job: str, running: Running, error: TransportDown) -> bool:
        """Write down for whom the search waits, and ask again later; False when it is to end.

        While the centre closes it is only written down: the next one asks.
        """
        words = in_words(error)
        with writing(self._engine) as session:
            row, now = session.get_one(RouteJob, job), self._clock.now()
            of_case = session.get_one(Case, running.case)
            if running.over(of_case, now):
                return False
            left_s = (searchable_until(release_of(of_case)) - now).total_seconds()
            told = row.message == words[1]
            row.state, (row.error, row.message, row.hint) = store.WAITING, words
            session.add(row)
            if not told:
                record(session, now, row.asked_by, "waits", running.case, f"{words[0]}: {words[1]}")
            session.commit()
        with self._lock:
            running.timer = threading.Timer(max(0.1, min(running.pause_s, left_s)), self._again, [job, running])
            running.timer.daemon = True
            running.pause_s = min(2 * running.pause_s, LONGEST_PAUSE_S)
            if not self._closed:
                running.timer.start()
        if running.why:  # stopped while this was written down
            self._again(job, running)
        return True

    def _teller(self, running: Running) -> Callable[[Progress | BatchFailed], None]:
        failed = 0

        def tell(event: Progress | BatchFailed) -> None:
            nonlocal failed
            if isinstance(event, Progress):
                running.progress = event
                return
            failed += 1
            if failed <= _TOLD_AT_MOST:
                log.warning("case %s: batch %d was not searched: %s", running.case, event.index, event.reason)

        return tell

    def _keep(self, job: str, running: Running, found: Findings, route: dict[str, Any]) -> None:
        now, answer, case = self._clock.now(), found.answer, running.case
        with writing(self._engine) as session:
            # Asked again under the write lock: a case that ended meanwhile gets no result, however late it comes.
            of_case = session.get_one(Case, case)
            if why := running.over(of_case, now):
                raise why
            row = session.get_one(RouteJob, job)
            row.state, row.ended_at, row.seconds = store.DONE, now, json.dumps(found.seconds)
            row.done, row.failed, row.candidates = answer.searched, answer.failed, len(answer.candidates)
            row.not_covered = json.dumps({day: list(names) for day, names in answer.not_covered.items()})
            row.lacking, (row.error, row.message, row.hint) = ", ".join(answer.lacking), ("", "", "")
            row.narrowed = json.dumps({modality.value: bits for modality, bits in answer.radius.items()})
            session.add(row)
            store.keep_route(session, case, job, route, now)
            self._note(session, row, running, now)
            session.commit()

    def _fail(self, job: str, case: str, running: Running, error: Exception) -> None:
        error = running.why or error
        if not isinstance(error, CairnError):
            log.error("a search of case %s failed", case, exc_info=error)
        now = self._clock.now()
        with writing(self._engine) as session:
            row = session.get_one(RouteJob, job)
            stopped = store.STOPPED if running.why else store.INTERRUPTED
            if stopped == store.INTERRUPTED and row.error and not running.progress.done and self._closed:
                row.state = store.WAITING  # it had begun to ask the office anew: the next centre does so again
                session.add(row)
                session.commit()
                return
            row.state, row.ended_at = stopped if running.stop.is_set() else store.FAILED, now
            row.done, row.failed = running.progress.done, running.progress.failed
            row.error, row.message, row.hint = in_words(error)
            session.add(row)
            self._note(session, row, running, now)
            action = "refused" if isinstance(error, Refused) else "search failed"
            record(session, now, row.asked_by, action, case, f"{row.error}: {row.message}")

    def _note(self, session: Session, row: RouteJob, running: Running, now: datetime) -> None:
        """What was released was released, and what was handed on was, whatever became of the search."""
        made = running.releases
        if made.names:
            LOG.append(session, now, row.asked_by, "released", row.case, made.in_words(row.done))
        if made.handed_on:
            detail = f"clothes of {made.handed_on[0]} sightings to {made.handed_on[1]} cell-hours"
            LOG.append(session, now, row.asked_by, "handed on", row.case, detail)
        if row.lacking:
            LOG.append(session, now, row.asked_by, "worker less protected", row.case, row.lacking)
