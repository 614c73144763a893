"""Several cases in one pass: a batch is opened once, and compared with each case's probes of its own epochs.

What one case was released serves no other: a batch is opened for a case only with the shares that this case holds for
the batch's epoch, its probes are looked up under its own name, and its hits go into its own answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from central.batches.lost import read_lying
from central.search.candidates import HIT, MET, MODALITIES, Rows, limit, merged, nearest, one_below_the_other, taken
from central.search.frames import Batch
from central.search.job import BatchFailed, Coverage, Event, Found, Progress
from central.search.neighbours import TOGETHER, Neighbours, Ready
from central.search.opened import Int64, Memory
from central.search.opened_job import Search
from central.search.opening import Opening
from central.search.plans import CellPlans
from shared.batches import Raw, Stored
from shared.columns import ColumnReader
from shared.epochs import Epoch, Modality
from shared.errors import CairnError, CannotOpen

PROGRESS_EVERY = 50
# Of one portion at most, however few rows its batches have: two workers hold two portions each.
_PORTION_BYTES, _PORTION_BATCHES = 2**25, 4096
_OUTSIDE = CannotOpen("a batch is outside the released scope", hint="search only the case's hours")
_SPARE = 1.25  # so much more than the most may wait, so that cutting down is seldom

Said = tuple[int, Event]


def search(work: Search, batches: Iterator[Raw]) -> Iterator[Event]:
    """Events of the search of one case."""
    return (event for _, event in search_together([work], ((1, raw) for raw in batches)))


def search_together(works: Sequence[Search], batches: Iterator[Batch]) -> Iterator[Said]:
    """Events, each with the place of its case. A batch that fails, or that is searched in part, is reported to the
    cases in whose scope it lies, and the rest goes on."""
    for case, work in enumerate(works):
        yield case, Coverage(work.not_covered, max(work.shares.hours, default=0))
    one = _Pass(works)
    for index, (cases, raw) in enumerate(batches):
        yield from one.take(index, cases, raw) if raw else one.drop(cases)
    yield from one.finish()


@dataclass(slots=True)
class _Case:
    """How far the search of one case is. `counts` are the candidates so far by modality and distance."""

    most: int
    hits: list[Rows] = field(default_factory=list)
    met: list[Rows] = field(default_factory=list)
    counts: Int64 = field(default_factory=lambda: np.zeros((len(MODALITIES), 2**11), np.int64))
    done: int = 0
    failed: int = 0
    ended: bool = False

    def add(self, hits: Rows, met: Rows) -> dict[Modality, int]:
        """Keep candidates; the limits within which the next have to lie, where there are too many already."""
        self.hits.append(hits)
        self.met.append(met)
        np.add.at(self.counts, (hits["modality"], hits["distance"]), 1)
        limits = {}
        for place, modality in enumerate(MODALITIES):
            if self.counts[place].sum() > _SPARE * self.most:
                limits[modality] = limit(self.counts[place], self.most)
                self.counts[place, limits[modality] + 1 :] = 0
        if limits:
            far = np.array([limits.get(modality, 2**16 - 1) for modality in MODALITIES])
            hits, met = self.together()
            hits, met = taken(hits, met, np.flatnonzero(hits["distance"] <= far[hits["modality"]]))
            self.hits, self.met = [hits], [met]
        return limits

    def together(self) -> tuple[Rows, Rows]:
        return one_below_the_other(self.hits, HIT), one_below_the_other(self.met, MET)


class _Pass:
    """One stream of batches through several cases. They are opened as they come; those of one cell are compared and
    joined together, some hours of it: what is done once for all of them is most of the work."""

    def __init__(self, works: Sequence[Search]) -> None:
        self._works, self._cases = works, [_Case(work.most) for work in works]
        self._radius = np.array([[work.radius[modality] for modality in MODALITIES] for work in works], np.int64)
        handing_on = {case: work.keep_clothes for case, work in enumerate(works) if work.hand_off}
        self._near = Neighbours([work.window_ms for work in works], self._radius, handing_on)
        self._plans, self._reader = CellPlans(works, self._radius), ColumnReader()
        self._heard: dict[int, int] = defaultdict(int)  # batches since they were counted, by their cases
        self._portion: Opening | None = None
        self._count, self._rows, self._bytes = 0, 0, 0  # of the portion
        self._here = ("", 0, 0)  # its cell, cases and last hour
        self._outside = 0  # cases that hold no shares of that hour
        self._memories = Memory(), Memory()

    def take(self, index: int, cases: int, raw: Raw) -> Iterable[Said]:
        """What is to be said once this batch has come: most often nothing yet."""
        self._heard[cases] += 1
        try:
            batch = read_lying(raw)
        except CairnError as error:
            return [*self._search(), *self._failed(index, cases, error)]
        said: Iterable[Said] = ()
        if self._ends_with(batch, cases):
            said = list(self._search())  # before this one is opened
        portion = self._portion
        if portion is None or batch.hour != self._here[2]:
            portion = self._begin(batch, cases)
        if self._outside:
            portion.failed.append((index, self._outside, _OUTSIDE))
        portion.open(index, batch)
        self._count += 1
        self._rows += batch.people
        self._bytes += len(raw)
        return said

    def _ends_with(self, batch: Stored, cases: int) -> bool:
        """Whether the portion is searched before this batch: those of an hour stay together where they are not many."""
        cell, those, hour = self._here
        if (cell, those) != (batch.cell, cases) or batch.hour < hour:
            return True
        is_full = self._bytes >= _PORTION_BYTES or self._count >= _PORTION_BATCHES
        return is_full or (batch.hour > hour and self._rows >= TOGETHER)

    def drop(self, cases: int) -> Iterable[Said]:
        """These cases have ended: what is known of them is forgotten, and they get no answer."""
        said = list(self._search())
        for case in self._of(cases):
            self._cases[case] = _Case(0, ended=True)
            self._works[case].forget()
            self._near.drop(case)
        self._plans.forget()
        return said

    def finish(self) -> Iterator[Said]:
        yield from self._search()
        self._keep(self._near.finish())
        for (case, index), reason in self._near.broken.items():
            if not self._cases[case].ended:
                self._cases[case].failed += 1
                yield case, BatchFailed(index, reason)
        for case, one in enumerate(self._cases):
            if not one.ended:
                yield case, Progress(one.done, one.failed)
                yield case, self._found(case)

    def _found(self, case: int) -> Found:
        one = self._cases[case]
        found = merged(self._near.names, *one.together())
        one.hits, one.met = [], []
        (kept,), limits = nearest([found], one.most)
        before = self._works[case].radius
        narrowed = {m: int(r) for m, r in zip(MODALITIES, self._radius[case], strict=True) if r < before[m]} | limits
        return Found(kept, narrowed)

    def _begin(self, batch: Stored, cases: int) -> Opening:
        """The hour of this batch, and a portion if there is none, in memory that the last but one no longer needs."""
        if self._portion is None:
            memory = self._memories[0]
            self._memories = self._memories[::-1]
            self._near.leave(memory)
            memory.give_back()
            self._portion = Opening(memory, self._reader)
        self._here, epoch = (batch.cell, cases, batch.hour), Epoch(batch.cell, batch.hour)
        plan = self._plans.of(sum(1 << case for case in self._of(cases)), epoch)
        self._outside = plan.outside
        self._portion.begin(epoch, plan.groups)
        return self._portion

    def _search(self) -> Iterator[Said]:
        """The batches that were opened."""
        portion, self._portion = self._portion, None
        self._count, self._rows, self._bytes = 0, 0, 0
        if portion is not None:
            opened, near = portion.compared()
            for index, those, error in portion.failed:
                yield from self._failed(index, those, error)
            if opened:
                self._keep(self._near.take(opened, near))
        yield from self._progress()

    def _progress(self) -> Iterator[Said]:
        before = [one.done for one in self._cases]
        for cases, count in self._heard.items():
            for case in self._of(cases):
                self._cases[case].done += count
        self._heard.clear()
        for case, (done, one) in enumerate(zip(before, self._cases, strict=True)):
            if one.done // PROGRESS_EVERY > done // PROGRESS_EVERY:
                yield case, Progress(one.done, one.failed)

    def _keep(self, ready: Ready) -> None:
        for case, hits, met in ready:
            if self._cases[case].ended:
                continue
            for modality, bits in self._cases[case].add(hits, met).items():
                self._radius[case, MODALITIES.index(modality)] = bits

    def _failed(self, index: int, cases: int, error: CairnError) -> Iterator[Said]:
        for case in self._of(cases):
            self._cases[case].failed += 1
            yield case, BatchFailed(index, f"{type(error).__name__}: {error.message}")

    def _of(self, cases: int) -> list[int]:
        return [case for case, one in enumerate(self._cases) if cases >> case & 1 and not one.ended]
