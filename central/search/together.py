"""Several cases in one pass: a batch is opened once, and compared with each case's probes of its own epochs.

What one case was released serves no other: a batch is opened for a case only with the shares that this case holds for
the batch's epoch, its probes are looked up under its own name, and its hits go into its own answer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from central.batches.lost import read_lying
from central.search.candidates import HIT, MET, MODALITIES, Rows, limit, merged, nearest, one_below_the_other, taken
from central.search.job import BatchFailed, Coverage, Event, Found, Progress
from central.search.neighbours import Neighbours, Ready
from central.search.opened import Int64, Near, Opened, joined
from central.search.opened_job import Search
from central.search.plans import CellPlans, Plan
from shared.batches import SealedBatch
from shared.epochs import Modality
from shared.errors import BadBatch, CairnError, CannotOpen

PROGRESS_EVERY = 50
_SPARE = 1.25  # so much more than the most may wait, so that cutting down is seldom

# A batch and the cases in whose scope it lies: bit k is the case at place k. Without bytes: those cases have ended.
Frame = tuple[int, bytes]
Said = tuple[int, Event]


class OtherModel(BadBatch):
    """A batch's codes cannot be compared with the patient's template: another model made them."""


def search(work: Search, batches: Iterator[bytes]) -> Iterator[Event]:
    """Events of the search of one case."""
    return (event for _, event in search_together([work], ((1, raw) for raw in batches)))


def search_together(works: Sequence[Search], batches: Iterator[Frame]) -> Iterator[Said]:
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
    """One stream of batches through several cases. Batches of one epoch are compared together, as they come."""

    def __init__(self, works: Sequence[Search]) -> None:
        self._works, self._cases = works, [_Case(work.most) for work in works]
        self._radius = np.array([[work.radius[modality] for modality in MODALITIES] for work in works], np.int64)
        handing_on = {case: work.keep_clothes for case, work in enumerate(works) if work.hand_off}
        self._near = Neighbours([work.window_ms for work in works], self._radius, handing_on)
        self._plans = CellPlans(works, self._radius)
        self._plan: Plan | None = None
        self._opened: dict[int, list[Opened]] = defaultdict(list)  # of the plan's epoch, by the cases they opened for
        self._named: dict[int, list[int]] = {}

    def take(self, index: int, cases: int, raw: bytes) -> Iterator[Said]:
        for case in self._of(cases):
            self._cases[case].done += 1
        try:
            batch = read_lying(raw)
        except CairnError as error:
            yield from self._failed(index, cases, error)
        else:
            yield from self._open(index, cases, batch)
        for case in self._of(cases):
            one = self._cases[case]
            if one.done % PROGRESS_EVERY == 0:
                yield case, Progress(one.done, one.failed)

    def drop(self, cases: int) -> Iterator[Said]:
        """These cases have ended: what is known of them is forgotten, and they get no answer."""
        self._compare()
        for case in self._of(cases):
            self._cases[case] = _Case(0, ended=True)
            self._works[case].forget()
            self._near.drop(case)
        self._plan = None
        self._plans.forget()
        self._named.clear()
        return iter(())

    def finish(self) -> Iterator[Said]:
        self._compare()
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

    def _open(self, index: int, cases: int, batch: SealedBatch) -> Iterator[Said]:
        plan, header = self._plan, batch.header
        if plan is None or plan.cases != cases or (plan.epoch.hour, plan.epoch.cell) != (header.hour, header.cell):
            self._compare()
            alive = sum(1 << case for case in self._of(cases))
            plan = self._plan = self._plans.of(alive, header.epoch)
            plan.cases = cases
        if plan.outside:
            outside = CannotOpen("a batch is outside the released scope", hint="search only the case's cell-hours")
            yield from self._failed(index, plan.outside, outside)
        for shares, those in plan.groups.items():
            try:
                opened = plan.opened(index, batch, shares, those)
            except CairnError as error:
                yield from self._failed(index, those, error)
                continue
            self._opened[those].append(opened)
            told: set[int] = set()
            for compared in plan.compared(opened):
                if compared.passed_over(opened):
                    for case in [one for one in compared.others if one not in told]:
                        hint = "register the patient on a box with that model, and search again"
                        what = f"the box's {compared.modality} codes were made with another model than the template"
                        yield from self._failed(index, 1 << case, OtherModel(what, hint=hint))
                    told.update(compared.others)

    def _compare(self) -> None:
        """What was opened of the epoch that is over, group by group and model by model."""
        if self._plan is None:
            return
        for batches in self._opened.values():
            self._keep(self._near.take(batches, self._hits(self._plan, batches)))
        self._opened.clear()

    def _hits(self, plan: Plan, batches: Sequence[Opened]) -> Near | None:
        found: list[Near] = []
        by_model: dict[tuple[tuple[str, str], ...], list[Opened]] = defaultdict(list)
        for one in batches:
            by_model[tuple(one.models.items())].append(one)
        if len(by_model) == 1:  # nearly always, and then rows count through the batches already
            found += [some for one in plan.compared(batches[0]) if (some := one.near(batches)) is not None]
            return joined(found) if found else None
        sizes = [len(one.columns) for one in batches]
        of_model = np.repeat([tuple(by_model).index(tuple(one.models.items())) for one in batches], sizes)
        for number, alike in enumerate(by_model.values()):
            rows = np.flatnonzero(of_model == number)
            near = [compared.near(alike) for compared in plan.compared(alike[0]) if len(rows)]
            found += [one.at(rows[one.row]) for one in near if one is not None]
        return joined(found) if found else None

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
        if cases not in self._named:
            alive = [case for case, one in enumerate(self._cases) if not one.ended]
            self._named[cases] = [case for case in alive if cases >> case & 1]
        return self._named[cases]
