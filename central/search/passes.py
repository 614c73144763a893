"""A pass: the batches that several cases have in scope are read once, in shards of some cells, by a worker a core.

A cell lies whole in one shard, because those who met are joined there. Each shard has a fresh worker, to which every
authority and the probe service seal what it needs for its own cells, case by case. Memory is bounded by what lies in
one shard for each worker, EPOCHS_AT_ONCE cell-hours of all cases together, and one shard's jobs are made at a time.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.exc import SQLAlchemyError

from central.authority.asking import ask
from central.authority.released import Recipient
from central.batches.store import Lying
from central.probes.service import ProbesAsked
from central.search.dispatch import Frame, SearchFailed, SearchWorker
from central.search.job import BatchFailed, Coverage, Event, Found, Job, JobRefused, Progress
from central.search.parts import LOOK_EVERY_S, Part
from central.search.socket_link import SocketLink
from shared.errors import CairnError, Refused
from shared.keys import sealing_public

log = logging.getLogger(__name__)

EPOCHS_AT_ONCE = 300_000  # of one worker, counted for every case: 256 bytes of probes and 64 of shares each
WORTH_A_WORKER = 1000  # cell-hours; a worker takes about a second to start
_TRIES = 2


class StoreFailed(Refused):
    """The store of batches could not be read to its end: a full or broken disk, or a database that went away."""


@dataclass(frozen=True, slots=True)
class Shard:
    """Some cells, searched by one worker, and the hours that any case has in scope."""

    number: int
    cells: tuple[str, ...]
    hours: range

    def of(self, part: Part) -> tuple[str, ...]:
        """Those of the cells that a case has in scope, sorted."""
        return tuple(sorted(set(self.cells) & set(part.release.scope.cells)))


class Pass:
    """One pass for some cases, which share a store. `run` returns when every case has its answer, or an error."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        offices = parts[0].offices
        self._store, self._worker_at = offices.store, offices.worker_at
        self._workers = offices.workers or len(os.sched_getaffinity(0))
        self._todo: deque[Shard] = deque()
        self._making = threading.Lock()

    def run(self) -> None:
        try:
            self._run()
        except Exception as error:  # noqa: BLE001  (nobody may be left waiting for ever)
            _fail(self._parts, error)

    def _run(self) -> None:
        self._todo.extend(shards(self._parts, self._workers))
        count = min(self._workers, len(self._todo))
        others = [threading.Thread(target=self._work, name="search-shards", daemon=True) for _ in range(count - 1)]
        for one in others:
            one.start()
        self._work()
        for one in others:
            one.join()
        for part in self._parts:
            part.finish()

    def _work(self) -> None:
        while True:
            try:
                shard = self._todo.popleft()
            except IndexError:
                return
            self._search(shard)

    def _search(self, shard: Shard) -> None:
        """One shard, a second time when its worker died; what a case heard of it is not counted twice."""
        for tried in range(1, _TRIES + 1):
            parts = [part for part in self._parts if part.open and shard.of(part) and not part.has(shard.number)]
            if not parts:
                return
            try:
                self._try(shard, parts)
            except SearchFailed as error:
                if tried < _TRIES:
                    log.warning("a search worker ended in the middle; its shard is searched again")
                    continue
                _fail(parts, error)
            except Exception as error:  # noqa: BLE001  (whatever it was, it is raised again on each case's own thread)
                _fail(parts, error)
            return

    def _try(self, shard: Shard, parts: Sequence[Part]) -> None:
        with started(self._worker_at) as worker, _ended_with(parts, worker):
            with self._making:
                parts, jobs = _jobs(shard, parts, worker.public)
            for part in parts:
                part.lacks(worker.lacking)
            left = set(range(len(parts)))
            for place, event in worker.run_together(jobs, self._frames(shard, parts)) if jobs else ():
                if _heard(shard, parts[place], event):
                    left.discard(place)
                if not any(parts[one].open for one in left):
                    return

    def _frames(self, shard: Shard, parts: Sequence[Part]) -> Iterator[Sequence[Frame]]:
        """The store's batches, each with the cases in whose scope it lies; cases that have ended are named once."""
        scopes = [(1 << at, frozenset(shard.of(one)), one.release.scope.hours) for at, one in enumerate(parts)]
        here, cases, over = ("", -1), 0, 0
        for some in self._stream(shard):
            ended = sum(bit for (bit, _, _), part in zip(scopes, parts, strict=True) if not part.open) & ~over
            frames: list[Frame] = [(ended, b"")] if ended else []
            over |= ended
            for cell, hour, raw in some:
                if here != (cell, hour):
                    here = cell, hour
                    cases = sum(bit for bit, cells, hours in scopes if hour in hours and cell in cells)
                if cases & ~over:
                    frames.append((cases & ~over, raw))
            if frames:
                yield frames

    def _stream(self, shard: Shard) -> Iterator[Sequence[Lying]]:
        try:
            yield from self._store.stream(shard.cells, shard.hours)
        except (OSError, SQLAlchemyError) as error:
            log.exception("the store of batches failed in the middle of a search")
            hint = "look at its disk and its database, in the service's log, and search again"
            raise StoreFailed("The sealed batches could not be read to the end.", hint=hint) from error


def shards(parts: Sequence[Part], workers: int) -> list[Shard]:
    """Cells in order, split so that no shard is too large, and every worker has some where that is worth it."""
    scopes = [part.release.scope for part in parts]
    cells = sorted({cell for scope in scopes for cell in scope.cells})
    hours = range(min(scope.hours.start for scope in scopes), max(scope.hours.stop for scope in scopes))
    epochs = sum(len(set(scope.cells)) * len(scope.hours) for scope in scopes)
    searched = max(len(set(scope.cells)) * len(scope.hours) for scope in scopes)
    count = max(-(-epochs // EPOCHS_AT_ONCE), min(workers, searched // WORTH_A_WORKER), 1)
    if count > 1:
        count = min(len(cells), -(-count // workers) * workers)  # or the last of them leaves cores idle
    ends = [len(cells) * at // count for at in range(count + 1)]
    return [Shard(at, tuple(cells[ends[at] : ends[at + 1]]), hours) for at in range(count)]


@contextmanager
def started(worker_at: Path | None) -> Iterator[SearchWorker]:
    """A fresh worker, which ends with the block."""
    with SearchWorker(SocketLink(worker_at) if worker_at else None) as worker:
        yield worker


def shares_for(part: Part, public: bytes, cells: Sequence[str] = ()) -> dict[str, bytes]:
    """Every authority's seal shares for one worker. Raises as they refuse."""
    return {
        one.name: ask(one, part.asked, Recipient.SEARCH, public, some_of(part, cells))
        for one in part.offices.authorities
    }


def some_of(part: Part, cells: Sequence[str]) -> tuple[str, ...]:
    """How cells are named to the offices: none stands for all of the case's."""
    return () if set(cells) == set(part.release.scope.cells) else tuple(cells)


def _jobs(shard: Shard, parts: Sequence[Part], public: bytes) -> tuple[list[Part], list[Job]]:
    """The cases that one worker is to serve, and their jobs. A case that an office refuses has failed, alone."""
    served: list[Part] = []
    jobs: list[Job] = []
    for part, probes in zip(parts, _probes(shard, parts, public), strict=True):
        if not part.open:  # it ended while the probes were made
            continue
        try:
            if isinstance(probes, CairnError):
                raise probes
            shares = shares_for(part, public, shard.of(part))
            jobs.append(Job(part.release.scope.case, shares, probes, part.radius, most=part.offices.most))
            served.append(part)
        except Exception as error:  # noqa: BLE001  (raised again on the case's own thread)
            part.fail(error)
    return served, jobs


def _probes(shard: Shard, parts: Sequence[Part], public: bytes) -> list[bytes | CairnError]:
    """What is looked for, case by case; those that are asked for together share what an epoch's key costs."""
    worker, service = sealing_public(public), parts[0].offices.probes
    wanted = [ProbesAsked(part.asked, worker, some_of(part, shard.of(part))) for part in parts]
    if len(wanted) > 1:
        return service.probes_for(wanted)
    try:
        asked, worker, cells = wanted[0]
        return [service.probes(asked, worker, cells) if cells else service.probes(asked, worker)]
    except CairnError as error:
        return [error]


def _heard(shard: Shard, part: Part, event: Event) -> bool:
    """Pass on what a worker says of a case; True when it was the last word."""
    match event:
        case Found():
            part.found(shard.number, event)
        case JobRefused(reason):
            part.fail(SearchFailed(f"The worker refused the job: {reason}", hint="Ask for a new release."))
        case Coverage() | Progress() | BatchFailed():
            part.hears(shard.number, event)
    return isinstance(event, Found | JobRefused)


def _fail(parts: Sequence[Part], error: Exception) -> None:
    for part in parts:
        part.fail(error)


@contextmanager
def _ended_with(parts: Sequence[Part], worker: SearchWorker) -> Iterator[None]:
    """Kill the worker as soon as no case wants an answer, even while this thread waits for the network or a pipe."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_EVERY_S):
            if not any(part.open for part in parts):
                worker.cancel()
                return

    watcher = threading.Thread(target=watch, name="search-stop", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
