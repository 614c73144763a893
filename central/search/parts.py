"""Whom a search asks, and one case's part in a pass: what its own thread and the pass's threads tell each other."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Protocol

from central.authority.client import Releases
from central.batches.store import BatchStore
from central.probes.client import Probes
from central.search.candidates import NOBODY, Candidate, Candidates, nearest, side_by_side, within
from central.search.dispatch import SearchFailed
from central.search.engine import Engine
from central.search.job import DEFAULT_RADIUS, MOST_CANDIDATES, BatchFailed, Coverage, Found, Progress
from shared.epochs import Epoch, Modality
from shared.releases import Release

LOOK_EVERY_S = 0.1
# People are numbered by each worker: those of one must not be taken for those of another.
_PEOPLE_OF_A_WORKER = 1_000_000

Tell = Callable[[Progress | BatchFailed], None]


class Gathers(Protocol):
    """Whoever lets cases that are searched at the same time share one pass."""

    def enter(self, part: Part) -> None:
        """Search for this case soon, perhaps with others; returns at once."""


@dataclass(frozen=True, slots=True)
class SearchParts:
    """Whom a search asks: every authority, the probe service, and the store of sealed batches.

    `worker_at` is the socket behind which the service manager starts workers; without it they are children. `workers`
    search at the same time, as many as the engine has by default. `engine` searches shards, on this machine if there is
    none. With `gatherer` cases share passes; without it each has its own.
    `most` candidates of each modality are answered in a case.
    """

    authorities: Sequence[Releases]
    probes: Probes
    store: BatchStore
    worker_at: Path | None = None
    workers: int = 0
    gatherer: Gathers | None = None
    most: int = MOST_CANDIDATES
    engine: Engine | None = None


@dataclass(frozen=True, slots=True)
class SearchAnswer:
    """Candidates in order of time; how many batches were searched, and how many failed and were not.

    `not_covered` are days (ISO 8601) of the window that could not be searched, and the authorities that hold no secret
    for them, `until_hour` is the last hour that could; `lacking` are protections that the worker's machine would not
    give it. `handed_on` counts the sightings whose clothes were looked for, `sources`, and the cell-hours;
    `two_pictures` are these cell-hours where the patient's own picture was looked for too. `radius` is in bits, by
    modality, where so many were within the usual one that only the nearest are answered.
    """

    candidates: Sequence[Candidate]
    searched: int
    failed: int
    not_covered: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    until_hour: int = 0
    lacking: tuple[str, ...] = ()
    handed_on: tuple[int, int] = (0, 0)
    two_pictures: frozenset[Epoch] = frozenset()
    sources: frozenset[str] = frozenset()
    radius: Mapping[Modality, int] = field(default_factory=dict)


class Part:
    """One case in a pass. The pass's threads report by shard, a number; the case's own thread listens."""

    def __init__(
        self,
        release: Release,
        asked: bytes,
        offices: SearchParts,
        radius: Mapping[Modality, int] = DEFAULT_RADIUS,
    ) -> None:
        self.release, self.asked, self.offices = release, asked, offices
        self._usual = {**DEFAULT_RADIUS, **radius}
        self._said: SimpleQueue[Progress | BatchFailed | SearchAnswer | Exception] = SimpleQueue()
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._progress: dict[int, Progress] = {}
        self._found: dict[int, Candidates] = {}
        self._radius: dict[Modality, int] = {}
        self._told: set[tuple[int, int]] = set()
        self._coverage = Coverage({}, 0)
        self._lacking: dict[str, None] = {}

    @property
    def open(self) -> bool:
        """False once the case has its answer, was refused, or wants none any more."""
        return not self._over.is_set()

    def close(self) -> None:
        """Nothing of this case is wanted any more."""
        self._over.set()

    def has(self, shard: int) -> bool:
        return shard in self._found

    def lacks(self, protections: Sequence[str]) -> None:
        with self._lock:
            self._lacking.update(dict.fromkeys(protections))

    def hears(self, shard: int, event: Coverage | Progress | BatchFailed) -> None:
        """A shard that is searched again says the same again: it is counted and told once."""
        with self._lock:
            match event:
                case Coverage():
                    self._coverage = event
                case BatchFailed():
                    if (shard, event.index) not in self._told:
                        self._told.add((shard, event.index))
                        self._said.put(event)
                case Progress():
                    self._progress[shard] = event
                    self._said.put(self._sum())

    def found(self, shard: int, answer: Found) -> None:
        """Keep one shard's candidates; of all shards' together no more than a case may have."""
        with self._lock:
            self._found[shard] = of_worker(answer.candidates, shard)
            kept, limits = nearest(list(self._found.values()), self.offices.most)
            self._found = dict(zip(self._found, kept, strict=True))
            for modality, bits in (*answer.radius.items(), *limits.items()):
                self._radius[modality] = min(bits, self._radius.get(modality, bits))
            if self._radius:
                self._found = {at: within(one, self._radius) for at, one in self._found.items()}

    @property
    def radius(self) -> Mapping[Modality, int]:
        """In bits, by modality: what a worker need not look beyond, by what the others have found."""
        with self._lock:
            return self._usual | self._radius

    def fail(self, error: Exception) -> None:
        if self.open:
            self._said.put(error)
        self.close()

    def finish(self) -> None:
        """Every shard has been searched."""
        if not self.open:
            return
        done, known = self._sum(), self._coverage
        candidates = side_by_side([self._found[shard] for shard in sorted(self._found)])
        counts = done.done - done.failed, done.failed
        answer = SearchAnswer(candidates, *counts, known.missing, known.until_hour, tuple(self._lacking))
        self._said.put(replace(answer, radius=dict(self._radius)))

    def listen(self, tell: Tell, stop: threading.Event) -> SearchAnswer:
        """On the case's own thread, until its answer comes. Raises SearchFailed once `stop` is set, and what `fail`
        was given; whatever happens, the case is closed."""
        try:
            while True:
                if stop.is_set():
                    what = "The search was stopped before it had an answer."
                    raise SearchFailed(what, hint="Start the search again.")
                try:
                    said = self._said.get(timeout=LOOK_EVERY_S)
                except Empty:
                    continue
                if isinstance(said, SearchAnswer) and not stop.is_set():
                    return said
                if isinstance(said, Exception):
                    raise said
                if not isinstance(said, SearchAnswer):
                    tell(said)
        finally:
            self.close()

    def _sum(self) -> Progress:
        some = self._progress.values()
        return Progress(sum(one.done for one in some), sum(one.failed for one in some))


def of_worker(found: Sequence[Candidate], worker: int) -> Candidates:
    """The same candidates, whose partners' numbers no other worker uses."""
    if not isinstance(found, Candidates):
        return Candidates()
    met = found.met.copy()
    met["person"][met["person"] != NOBODY] += worker * _PEOPLE_OF_A_WORKER
    return Candidates(found.names, found.hits, met)
