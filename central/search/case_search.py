"""One case's search from its release to its candidates: the only place where authorities, probes and batches meet.

What the authorities and the probe service give is sealed to a worker that was started for this search alone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from central.authority.client import Releases
from central.authority.released import Recipient
from central.batches.store import BatchStore
from central.probes.client import Probes
from central.search.candidates import Candidate
from central.search.dispatch import SearchFailed, SearchWorker
from central.search.job import BatchFailed, Found, Job, Progress
from central.search.socket_link import SocketLink
from shared.keys import sealing_public
from shared.releases import Release, release_to_bytes

_LOOK_EVERY_S = 0.1


@dataclass(frozen=True, slots=True)
class SearchParts:
    """Whom a search asks: every authority, the probe service, and the store of sealed batches.

    `worker_at` is the socket behind which the service manager starts workers; without it they are children.
    """

    authorities: Sequence[Releases]
    probes: Probes
    store: BatchStore
    worker_at: Path | None = None


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """Candidates in order of time; how many batches were searched, and how many failed and were not."""

    candidates: tuple[Candidate, ...]
    searched: int
    failed: int


def search_case(
    release: Release, parts: SearchParts, tell: Callable[[Progress | BatchFailed], None], stop: threading.Event
) -> SearchAnswer:
    """Search what `release` allows; `tell` hears of progress and of batches that failed, on the caller's thread.

    Setting `stop` kills the worker. Raises SearchFailed when it gave no answer, ReleaseRefused and TransportDown as
    the authorities and the probe service do, and whatever `tell` and the store raise.
    """
    last = Progress(0, 0)
    with SearchWorker(SocketLink(parts.worker_at) if parts.worker_at else None) as worker, _killed_by(stop, worker):
        job = _job(release, parts, worker)
        for event in worker.run(job, parts.store.in_scope(release.scope)):
            if isinstance(event, Found):
                return SearchAnswer(event.candidates, last.done - last.failed, last.failed)
            if isinstance(event, Progress):
                last = event
            tell(event)
    raise SearchFailed("A search ended without an answer.", hint="Start the search again.")


def _job(release: Release, parts: SearchParts, worker: SearchWorker) -> Job:
    asked = release_to_bytes(release)
    shares = {one.name: one.release(asked, Recipient.SEARCH, worker.public) for one in parts.authorities}
    return Job(release.scope.case, shares, parts.probes.probes(asked, sealing_public(worker.public)))


@contextmanager
def _killed_by(stop: threading.Event, worker: SearchWorker) -> Iterator[None]:
    """Kill the worker as soon as `stop` is set, even while this thread waits for the network or for a pipe."""
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            if stop.wait(_LOOK_EVERY_S):
                worker.cancel()
                return

    watcher = threading.Thread(target=watch, name="search-stop", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
