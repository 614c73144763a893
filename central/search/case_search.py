"""One case's search from its release to its candidates: the only place where authorities, probes and batches meet.

What the authorities and the probe service give is sealed to workers that were started for this pass alone. Where the
patient consented to it, the clothes of confirmed sightings are looked for in a second round: one worker opens their
batches again for the clothes, and another looks for them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from central.probes.hand_off import Targets
from central.search.candidates import counted, side_by_side, some_named
from central.search.dispatch import SearchFailed, SearchWorker
from central.search.job import DEFAULT_RADIUS, Found, Job
from central.search.neighbouring import batches_of
from central.search.parts import LOOK_EVERY_S, Part, SearchAnswer, SearchParts, Tell, of_worker
from central.search.passes import Pass, shares_for, some_of, started
from shared.batches import Raw
from shared.epochs import Modality
from shared.keys import sealing_public
from shared.releases import Release, release_to_bytes

__all__ = ["HandOn", "SearchAnswer", "SearchParts", "search_case"]

_ENDS_WITHIN_S = 10.0
_SECOND_ROUND = 1000  # counted as a worker, for the numbers of people


@dataclass(frozen=True, slots=True)
class HandOn:
    """The second round: which candidates are confirmed and where their clothes are to be looked for, and the model that
    made the clothes that can be weighed."""

    model: str
    choose: Callable[[SearchAnswer], Targets]


def search_case(
    release: Release,
    parts: SearchParts,
    tell: Tell,
    stop: threading.Event,
    hand_on: HandOn | None = None,
    radius: Mapping[Modality, int] = DEFAULT_RADIUS,
) -> SearchAnswer:
    """Search what `release` allows; `tell` hears of progress and of batches that failed, on the caller's thread.
    `radius` is how far from the probes is looked, in bits, by modality.

    Setting `stop` ends the case's part of the search, and kills workers that serve no other. Raises SearchFailed when
    there is no answer, ReleaseRefused and TransportDown as the authorities and the probe service do, and whatever
    `tell`, `hand_on` and the store raise.
    """
    part = Part(release, release_to_bytes(release), parts, radius)
    first = _first_round(part, tell, stop)
    second_round = hand_on if Modality.APPEARANCE in release.scope.consents else None
    targets = second_round.choose(first) if second_round else {}
    if not second_round or not targets:
        return first
    clothes = _clothes(part, second_round.model, first, targets, stop)
    return _second_round(part, first, targets, clothes, stop) if clothes else first


def _first_round(part: Part, tell: Tell, stop: threading.Event) -> SearchAnswer:
    if part.offices.gatherer:
        part.offices.gatherer.enter(part)
        return part.listen(tell, stop)
    alone = threading.Thread(target=Pass([part]).run, name="search-pass", daemon=True)
    alone.start()
    try:
        return part.listen(tell, stop)
    finally:
        alone.join(_ENDS_WITHIN_S)


def _clothes(part: Part, model: str, first: SearchAnswer, targets: Targets, stop: threading.Event) -> bytes:
    """The clothes of confirmed sightings, sealed to the probe service: only their own cell-hours are opened again."""
    epochs = {one.epoch for one in some_named(first.candidates, targets)}
    cells = tuple(sorted({epoch.cell for epoch in epochs}))
    with _worker(part, stop) as worker:
        key = sealing_public(worker.public)
        probes = part.offices.probes.probes(part.asked, key, some_of(part, cells))
        batches = batches_of(part.offices.store, part.release.scope, epochs)
        _answer(worker, _job(part, worker, probes, cells, model), batches)
        return worker.hand_off(targets)


def _second_round(
    part: Part, first: SearchAnswer, targets: Targets, clothes: bytes, stop: threading.Event
) -> SearchAnswer:
    epochs = {epoch for some in targets.values() for epoch in some}
    with _worker(part, stop) as worker:
        probes = part.offices.probes.hand_on(part.asked, clothes, targets, sealing_public(worker.public))
        cells = tuple(sorted({epoch.cell for epoch in epochs}))
        # What fails here failed in the first round too, and was told then.
        batches = batches_of(part.offices.store, part.release.scope, epochs)
        worn = _answer(worker, _job(part, worker, probes, cells), batches)
    pictured = any(modality is Modality.APPEARANCE for modality, _ in counted(first.candidates))
    both = frozenset(epochs) if pictured else frozenset()
    found = some_named(of_worker(worn.candidates, _SECOND_ROUND), targets, others=True)
    together = side_by_side([of_worker(first.candidates, 0), of_worker(found, 0)])
    counts, sources = (len(targets), len(epochs)), frozenset(targets)
    return replace(first, candidates=together, handed_on=counts, two_pictures=both, sources=sources)


def _job(part: Part, worker: SearchWorker, probes: bytes, cells: tuple[str, ...], hand_off: str = "") -> Job:
    shares = shares_for(part, worker.public, cells)
    return Job(part.release.scope.case, shares, probes, part.radius, hand_off)


def _answer(worker: SearchWorker, job: Job, batches: Iterator[Raw]) -> Found:
    for event in worker.run(job, batches):
        if isinstance(event, Found):
            return event
    raise SearchFailed("A search ended without an answer.", hint="Start the search again.")


@contextmanager
def _worker(part: Part, stop: threading.Event) -> Iterator[SearchWorker]:
    with started(part.offices.worker_at) as worker, _killed_by(stop, worker):
        yield worker


@contextmanager
def _killed_by(stop: threading.Event, worker: SearchWorker) -> Iterator[None]:
    """Kill the worker as soon as `stop` is set, even while this thread waits for the network or for it."""
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            if stop.wait(LOOK_EVERY_S):
                worker.cancel()
                return

    watcher = threading.Thread(target=watch, name="search-stop", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
