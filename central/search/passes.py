"""A pass: the batches that several cases have in scope are read once, in shards of some cells, by a worker a core.

A cell lies whole in one shard, because those who met are joined there. Each shard has a fresh worker, to which every
authority and the probe service seal what it needs for its own cells, case by case. One shard's jobs are made at a time,
while the shards before it are searched: the offices keep no core busy by themselves. Memory is bounded by what lies in
two shards for each core, EPOCHS_AT_ONCE cell-hours of all cases together.
"""

from __future__ import annotations

import logging
import os
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, wait
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from central.authority.asking import ask
from central.authority.released import Recipient
from central.probes.service import ProbesAsked
from central.search.dispatch import SearchFailed, SearchWorker
from central.search.engine import Batches, ShardWorker, Streams, Wanted, frames
from central.search.job import BatchFailed, Coverage, Event, Found, Job, JobRefused, Progress
from central.search.parts import LOOK_EVERY_S, Part
from central.search.socket_link import SocketLink
from shared.errors import CairnError
from shared.keys import sealing_public

log = logging.getLogger(__name__)

EPOCHS_AT_ONCE = 300_000  # of one worker, counted for every case: 256 bytes of probes and 64 of shares each
WORTH_A_WORKER = 1000  # cell-hours; a worker takes about a second to start
_TRIES = 2


@dataclass(frozen=True, slots=True)
class Shard:
    """Some cells, searched by one worker, and the hours that any case has in scope."""

    number: int
    cells: tuple[str, ...]
    hours: range

    def of(self, part: Part) -> tuple[str, ...]:
        """Those of the cells that a case has in scope, sorted."""
        return tuple(sorted(set(self.cells) & set(part.release.scope.cells)))


@dataclass(frozen=True, slots=True)
class _Ready:
    """A shard's worker with the jobs that were sealed to it; `parts` are the cases that it serves, in their order.
    `held` ends the worker."""

    shard: Shard
    parts: Sequence[Part]
    jobs: list[Job]
    worker: ShardWorker
    held: ExitStack


class Pass:
    """One pass for some cases, which share a store. `run` returns when every case has its answer, or an error."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = parts
        offices = parts[0].offices
        self._engine = offices.engine or LocalEngine(offices.store, offices.worker_at)
        self._most = offices.workers
        self._groups: list[deque[Shard]] = []
        self._taking, self._making = threading.Lock(), threading.Lock()

    def run(self) -> None:
        try:
            self._run()
        except Exception as error:  # noqa: BLE001  (nobody may be left waiting for ever)
            _fail(self._parts, error)

    def _run(self) -> None:
        workers = self._most or self._engine.workers
        todo = shards(self._parts, workers)
        count = min(workers, len(todo))
        # Neighbouring cells lie side by side in the store: a group of shards stays on one machine.
        ends = [len(todo) * place // count for place in range(count + 1)]
        self._groups = [deque(todo[ends[place] : ends[place + 1]]) for place in range(count)]
        others = [
            threading.Thread(target=self._work, args=(place,), name="search-shards", daemon=True)
            for place in range(1, count)
        ]
        for one in others:
            one.start()
        self._work(0)
        for one in others:
            one.join()
        for part in self._parts:
            part.finish()

    def _work(self, place: int) -> None:
        """Shard after shard. The next one is made ready while one is searched, where the engine has room for it."""
        begun = self._begun(place)
        while begun:
            shard, ready = begun
            wait([ready])  # or the jobs of the next would be made before those that a worker waits for
            ahead = self._begun(place) if self._engine.ahead else None
            self._search(shard, place, ready)
            begun = ahead or self._begun(place)

    def _begun(self, place: int) -> tuple[Shard, Future[_Ready | None]] | None:
        """The place's next shard, and what `_made_ready` gives, once it is there; None where no shard is left."""
        shard, ready = self._next(place), Future[_Ready | None]()
        if shard is None:
            return None

        def make(shard: Shard = shard) -> None:
            try:
                ready.set_result(self._made_ready(shard, place))
            except Exception as error:  # noqa: BLE001  (raised again where the shard is searched)
                ready.set_exception(error)

        threading.Thread(target=make, name="search-ahead", daemon=True).start()
        return shard, ready

    def _search(self, shard: Shard, place: int, first: Future[_Ready | None]) -> None:
        """One shard, a second time when its worker died; what a case heard of it is not counted twice."""
        for tried in range(1, _TRIES + 1):
            try:
                ready = first.result() if tried == 1 else self._made_ready(shard, place)
                if ready:
                    with ready.held:
                        _listen(ready)
            except SearchFailed as error:
                if tried < _TRIES:
                    log.warning("a search worker ended in the middle; its shard is searched again")
                    continue
                _fail(self._wanting(shard), error)
            except Exception as error:  # noqa: BLE001  (whatever it was, it is raised again on each case's own thread)
                _fail(self._wanting(shard), error)
            return

    def _wanting(self, shard: Shard) -> list[Part]:
        """The cases that have no answer of this shard yet, and want one."""
        return [part for part in self._parts if part.open and shard.of(part) and not part.has(shard.number)]

    def _made_ready(self, shard: Shard, place: int) -> _Ready | None:
        """None where no case wants it. Raises SearchFailed, and as the engine does."""
        parts = self._wanting(shard)
        if not parts:
            return None
        with ExitStack() as held:
            worker = held.enter_context(self._engine.started(place))
            held.enter_context(_ended_with(parts, worker))
            with self._making:
                served, jobs = _jobs(shard, parts, worker.public)
            return _Ready(shard, served, jobs, worker, held.pop_all())

    def _next(self, place: int) -> Shard | None:
        """The next of the place's own group, or else one that the place with the most has left."""
        with self._taking:
            if self._groups[place]:
                return self._groups[place].popleft()
            longest = max(self._groups, key=len)
            return longest.pop() if longest else None


def _listen(ready: _Ready) -> None:
    """Search a shard, and pass on what is said of its cases."""
    parts = ready.parts
    if not any(part.open for part in parts):  # they ended while the shard waited for its turn
        return
    for part in parts:
        part.lacks(ready.worker.lacking)
    # What the shards before have found may have narrowed the radius since the jobs were made.
    jobs = [replace(job, radius=part.radius) for job, part in zip(ready.jobs, parts, strict=True)]
    ready.jobs.clear()
    left = set(range(len(parts)))
    said = ready.worker.search(jobs, batches_of(ready.shard, parts), lambda at: parts[at].open) if jobs else ()
    for at, event in said:
        if _heard(ready.shard, parts[at], event):
            left.discard(at)
        if not any(parts[one].open for one in left):
            return


class LocalEngine:
    """Workers on this machine: children, or behind the socket at `worker_at`. The threads of a pass feed them."""

    ahead = True

    def __init__(self, store: Streams, worker_at: Path | None = None) -> None:
        self._store, self._worker_at = store, worker_at
        self.workers = len(os.sched_getaffinity(0))

    @contextmanager
    def started(self, place: int) -> Iterator[ShardWorker]:
        with started(self._worker_at) as worker:
            yield _LocalWorker(worker, self._store)


class _LocalWorker:
    def __init__(self, worker: SearchWorker, store: Streams) -> None:
        self.public, self.lacking, self.cancel = worker.public, worker.lacking, worker.cancel
        self._worker, self._store = worker, store

    def search(self, jobs: list[Job], batches: Batches, wanted: Wanted) -> Iterator[tuple[int, Event]]:
        return self._worker.run_together(jobs, frames(self._store, batches, wanted))


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


def batches_of(shard: Shard, parts: Sequence[Part]) -> Batches:
    """What one worker is to read for these cases."""
    return Batches(shard.cells, shard.hours, tuple((shard.of(part), part.release.scope.hours) for part in parts))


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
def _ended_with(parts: Sequence[Part], worker: ShardWorker) -> Iterator[None]:
    """Kill the worker as soon as no case wants an answer, even while this thread waits for the network or for it."""
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
