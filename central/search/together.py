"""Several cases in one pass: a batch is opened once, and compared with each case's probes of its own epochs.

What one case was released serves no other: a batch is opened for a case only with the shares that this case holds for
the batch's epoch, its probes are looked up under its own name, and its hits go into its own answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from central.probes.probe_sets import ProbeSet
from central.search.candidates import Candidate
from central.search.job import BatchFailed, Coverage, Event, Found, Progress
from central.search.kernel import Int32, UInt8, distances
from central.search.neighbours import Hit, Neighbours, Opened, Ready, merged
from central.search.opened_job import Search
from central.search.scan import codes_of, present, reach, within
from shared.batches import SealedBatch, open_batch, opener, read_stored
from shared.epochs import SHARE_BYTES, Epoch, Modality, seal_key
from shared.errors import BadBatch, CairnError, CannotOpen

PROGRESS_EVERY = 50

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
    """How far the search of one case is."""

    found: list[Candidate] = field(default_factory=list)
    done: int = 0
    failed: int = 0
    ended: bool = False


@dataclass(slots=True)
class _Compared:
    """Probes of all cases that one model made, in one array, so that a batch's codes are counted once: `codes`
    uint8[m, b], `reaches` int32[m], and whose which rows are."""

    modality: Modality
    codes: UInt8 = field(repr=False)
    reaches: Int32
    of: Sequence[tuple[int, ProbeSet, slice]] = field(repr=False)
    others: Sequence[int]  # cases whose probes another model made than these batches' codes


class _Plan:
    """What is to be done with the batches of one epoch, for the cases in whose scope it lies."""

    def __init__(self, works: Sequence[Search], cases: int, epoch: Epoch) -> None:
        self.cases, self.epoch, self.outside = cases, epoch, 0
        self.groups: dict[bytes, int] = {}  # who holds the same shares of the epoch: nearly always all
        self.probes: dict[int, list[ProbeSet]] = {}
        self._works, self._openers = works, dict[tuple[str, int], AESGCM]()
        self._compared: dict[tuple[int, tuple[tuple[str, str], ...]], list[_Compared]] = {}
        for case, work in enumerate(works):
            if not cases >> case & 1:
                continue
            shares = work.shares.joined(epoch)
            if not shares:
                self.outside |= 1 << case
                continue
            self.groups[shares] = self.groups.get(shares, 0) | 1 << case
            self.probes[case] = work.probes.of(epoch)

    def opened(self, index: int, batch: SealedBatch, shares: bytes, cases: int) -> Opened:
        node = batch.header.node
        key = self._openers.get((node, cases))
        if key is None:
            each = [shares[at : at + SHARE_BYTES] for at in range(0, len(shares), SHARE_BYTES)]
            key = self._openers[node, cases] = opener(seal_key(each, node, self.epoch))
        return Opened(index, open_batch(batch, key), batch.header.models, cases)

    def compared(self, opened: Opened) -> list[_Compared]:
        key = opened.cases, tuple(opened.models.items())
        if key not in self._compared:
            self._compared[key] = [self._together(opened, modality) for modality in Modality]
        return self._compared[key]

    def _together(self, opened: Opened, modality: Modality) -> _Compared:
        of: list[tuple[int, ProbeSet, slice]] = []
        reaches: list[int] = []
        others: list[int] = []
        made_by = opened.models.get(modality.value)
        wanted = [(case, probe) for case, probes in self.probes.items() for probe in probes if opened.cases >> case & 1]
        for case, probe in wanted:
            if probe.modality is not modality or not len(probe.codes):
                continue
            if probe.model != made_by:
                others.append(case)
                continue
            rows = slice(len(reaches), len(reaches) + len(probe.codes))
            reaches += [reach(probe, self._works[case].radius[modality])] * len(probe.codes)
            of.append((case, probe, rows))
        codes = np.concatenate([probe.codes for _, probe, _ in of]) if of else np.empty((0, 0), np.uint8)
        return _Compared(modality, codes, np.array(reaches, np.int32), of, others)


class _Pass:
    """One stream of batches through several cases."""

    def __init__(self, works: Sequence[Search]) -> None:
        self._works, self._cases = works, [_Case() for _ in works]
        self._near = Neighbours(*(work.window_ms for work in works))
        self._plan: _Plan | None = None
        self._named: dict[int, list[int]] = {}

    def take(self, index: int, cases: int, raw: bytes) -> Iterator[Said]:
        for case in self._of(cases):
            self._cases[case].done += 1
        try:
            batch = read_stored(raw)
        except CairnError as error:
            yield from self._failed(index, cases, error)
        else:
            yield from self._search(index, cases, batch)
        for case in self._of(cases):
            one = self._cases[case]
            if one.done % PROGRESS_EVERY == 0:
                yield case, Progress(one.done, one.failed)

    def drop(self, cases: int) -> Iterator[Said]:
        """These cases have ended: what is known of them is forgotten, and they get no answer."""
        for case in self._of(cases):
            self._cases[case] = _Case(ended=True)
            self._works[case].forget()
            self._near.drop(case)
        self._plan = None
        self._named.clear()
        return iter(())

    def finish(self) -> Iterator[Said]:
        self._keep(self._near.finish())
        for (case, index), reason in self._near.broken.items():
            if not self._cases[case].ended:
                self._cases[case].failed += 1
                yield case, BatchFailed(index, reason)
        for case, one in enumerate(self._cases):
            if not one.ended:
                yield case, Progress(one.done, one.failed)
                yield case, Found(merged(one.found))

    def _search(self, index: int, cases: int, batch: SealedBatch) -> Iterator[Said]:
        plan = self._plan
        if plan is None or plan.cases != cases or plan.epoch != batch.header.epoch:
            alive = sum(1 << case for case in self._of(cases))
            plan = self._plan = _Plan(self._works, alive, batch.header.epoch)
            plan.cases = cases
        if plan.outside:
            outside = CannotOpen("a batch is outside the released scope", hint="search only the case's cell-hours")
            yield from self._failed(index, plan.outside, outside)
        for shares, those in plan.groups.items():
            try:
                opened = plan.opened(index, batch, shares, those)
                self._keep(self._near.take(opened, self._hits(plan, opened)))
            except CairnError as error:
                yield from self._failed(index, those, error)
                continue
            for case, modality in self._passed_over(plan.compared(opened), opened):
                hint = "register the patient on a box with that model, and search again"
                what = f"the box's {modality} codes were made with another model than the template"
                yield from self._failed(index, 1 << case, OtherModel(what, hint=hint))

    def _passed_over(self, compared: Sequence[_Compared], opened: Opened) -> Iterator[tuple[int, Modality]]:
        """Cases for which codes of the batch were not compared, and of which kind; each case once."""
        told: set[int] = set()
        for one in compared:
            if one.others and present(opened.columns, one.modality).any():
                yield from ((case, one.modality) for case in one.others if case not in told)
                told.update(one.others)

    def _hits(self, plan: _Plan, opened: Opened) -> list[Hit]:
        hits: list[Hit] = []
        for compared in plan.compared(opened):
            if not compared.of or not len(opened.columns):
                continue
            counted = distances(codes_of(opened.columns, compared.modality), compared.codes)
            near = counted.min(axis=1) <= compared.reaches
            if near.any():  # nearly every batch ends before this: the patients were somewhere else
                for case, probe, rows in compared.of:
                    if near[rows].any():
                        hits += self._of_case(case, opened, probe, counted[rows])
        return hits

    def _of_case(self, case: int, opened: Opened, probe: ProbeSet, counted: Int32) -> list[Hit]:
        work, columns = self._works[case], opened.columns
        found = within(columns, probe, work.radius[probe.modality], counted)
        (begin, end), bits = work.window_ms, probe.codes.shape[1] * 8
        hits = [
            Hit(opened, row, probe.modality, distance, bits, case)
            for row, distance in zip(found.rows.tolist(), found.distances.tolist(), strict=True)
            if columns.start[row] < end and columns.end[row] >= begin
        ]
        if work.hand_off:
            work.keep_clothes(opened, hits)
        return hits

    def _keep(self, ready: Ready) -> None:
        for case, candidate in ready:
            self._cases[case].found.append(candidate)

    def _failed(self, index: int, cases: int, error: CairnError) -> Iterator[Said]:
        for case in self._of(cases):
            self._cases[case].failed += 1
            yield case, BatchFailed(index, f"{type(error).__name__}: {error.message}")

    def _of(self, cases: int) -> list[int]:
        if cases not in self._named:
            alive = [case for case, one in enumerate(self._cases) if not one.ended]
            self._named[cases] = [case for case in alive if cases >> case & 1]
        return self._named[cases]
