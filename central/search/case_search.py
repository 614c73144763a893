"""One case's search from its release to its candidates: the only place where authorities, probes and batches meet.

What the authorities and the probe service give is sealed to a worker that was started for this search alone. Where the
patient consented to it, the clothes of confirmed sightings are looked for in a second round, by a second worker.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from central.authority.asking import ask
from central.authority.client import Releases
from central.authority.released import Recipient
from central.batches.store import BatchStore
from central.probes.client import Probes
from central.probes.hand_off import Targets
from central.search.candidates import Candidate, Partner
from central.search.dispatch import SearchFailed, SearchWorker
from central.search.job import BatchFailed, Coverage, Found, Job, Progress
from central.search.neighbouring import batches_of
from central.search.socket_link import SocketLink
from shared.epochs import Modality
from shared.keys import sealing_public
from shared.releases import Release, release_to_bytes

_LOOK_EVERY_S = 0.1
# People are numbered by each worker: those of a second must not be taken for those of the first.
_SECOND_ROUND = 1_000_000

Tell = Callable[[Progress | BatchFailed], None]


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
    """Candidates in order of time; how many batches were searched, and how many failed and were not.

    `not_covered` are days (ISO 8601) of the window that could not be searched, and the authorities that hold no secret
    for them, `until_hour` is the last hour that could; `lacking` are protections that the worker's machine would not
    give it. `handed_on` counts the sightings whose clothes were looked for, and the cell-hours.
    """

    candidates: tuple[Candidate, ...]
    searched: int
    failed: int
    not_covered: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    until_hour: int = 0
    lacking: tuple[str, ...] = ()
    handed_on: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class HandOn:
    """The second round: which candidates are confirmed and where their clothes are to be looked for, and the model that
    made the clothes that can be weighed."""

    model: str
    choose: Callable[[SearchAnswer], Targets]


def search_case(
    release: Release, parts: SearchParts, tell: Tell, stop: threading.Event, hand_on: HandOn | None = None
) -> SearchAnswer:
    """Search what `release` allows; `tell` hears of progress and of batches that failed, on the caller's thread.

    Setting `stop` kills the worker. Raises SearchFailed when it gave no answer, ReleaseRefused and TransportDown as
    the authorities and the probe service do, and whatever `tell`, `hand_on` and the store raise.
    """
    second_round = hand_on if Modality.APPEARANCE in release.scope.consents else None
    with _worker(parts, stop) as worker:
        asked = release_to_bytes(release)
        probes = parts.probes.probes(asked, sealing_public(worker.public))
        job = replace(_job(release, parts, worker, probes), hand_off=second_round.model if second_round else "")
        first = _answer(worker, job, parts.store.in_scope(release.scope), tell)
        targets = second_round.choose(first) if second_round else {}
        clothes = worker.hand_off(targets) if targets else b""
    if not clothes:
        return first
    with _worker(parts, stop) as second:
        probes = parts.probes.hand_on(asked, clothes, targets, sealing_public(second.public))
        epochs = {epoch for some in targets.values() for epoch in some}
        # What fails here failed in the first round too, and was told then.
        batches = batches_of(parts.store, release.scope, epochs)
        worn = _answer(second, _job(release, parts, second, probes), batches, lambda _: None)
    found = [_of_second_round(one) for one in worn.candidates if one.sighting not in targets]
    together = tuple(sorted((*first.candidates, *found), key=lambda one: (one.start, one.sighting, one.modality)))
    return replace(first, candidates=together, handed_on=(len(targets), len(epochs)))


def _job(release: Release, parts: SearchParts, worker: SearchWorker, probes: bytes) -> Job:
    asked = release_to_bytes(release)
    shares = {one.name: ask(one, asked, Recipient.SEARCH, worker.public) for one in parts.authorities}
    return Job(release.scope.case, shares, probes)


def _answer(worker: SearchWorker, job: Job, batches: Iterator[bytes], tell: Tell) -> SearchAnswer:
    last, known = Progress(0, 0), Coverage({}, 0)
    for event in worker.run(job, batches):
        if isinstance(event, Found):
            counts = last.done - last.failed, last.failed
            return SearchAnswer(event.candidates, *counts, known.missing, known.until_hour, worker.lacking)
        if isinstance(event, Coverage):
            known = event
            continue
        if isinstance(event, Progress):
            last = event
        tell(event)
    raise SearchFailed("A search ended without an answer.", hint="Start the search again.")


def _of_second_round(one: Candidate) -> Candidate:
    return replace(one, partners=tuple(_renumbered(partner) for partner in one.partners))


def _renumbered(partner: Partner) -> Partner:
    return partner if partner.person is None else replace(partner, person=partner.person + _SECOND_ROUND)


@contextmanager
def _worker(parts: SearchParts, stop: threading.Event) -> Iterator[SearchWorker]:
    link = SocketLink(parts.worker_at) if parts.worker_at else None
    with SearchWorker(link) as worker, _killed_by(stop, worker):
        yield worker


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
