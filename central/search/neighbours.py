"""Joins hits with who was near them, across the batches of one cell.

An encounter rides in the batch of whichever sighting ended later, so it may lie in another batch than the hit, and
the other sighting's mask in a third: batches of one track after a power cut, a second batch of a busy hour, or the
next hour's. Batches come in order of cell and hour, and are held only as long as somebody in them may have met
whoever is found next, which bounds the memory to a few hours of one cell.

Several cases share what is held, and nothing else: each is joined with batches that opened for it, and with no others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from central.search.candidates import Candidate, Partner
from central.search.people import People
from shared.epochs import HOUR_S, Epoch, Modality
from shared.errors import BadBatch
from shared.face_mask import FaceMask
from shared.sightings import SightingColumns, encounter, sighting_id

_FEW = 8  # numbers, up to which comparing one by one is faster
_SLACK_MS = 300_000  # a box may end a track before its last encounter, and its clock may be set in between


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """An opened batch, its position in the stream, the models behind its codes, by modality, and the cases for which
    it opened: bit k is the case at place k."""

    index: int
    columns: SightingColumns
    models: Mapping[str, str]
    cases: int = 1
    _met: list[npt.NDArray[np.int64]] = field(default_factory=list)
    _span: list[int] = field(default_factory=list)

    def overlaps(self, first: int, last: int) -> bool:
        """Whether anybody in it was in view at some time between these, in Unix milliseconds."""
        if not self._span and len(self.columns):
            self._span.extend((int(self.columns.start.min()), int(self.columns.end.max())))
        return bool(self._span) and self._span[0] <= last and self._span[1] >= first

    def meetings(self) -> npt.NDArray[np.int64]:
        """Its encounters, read once however many cases ask. Raises BadBatch."""
        if not self._met:
            self._met.append(self.columns.meetings())
        return self._met[0]


@dataclass(frozen=True, slots=True)
class Hit:
    """One row of an opened batch within the radius of one case's probes; `case` is its place."""

    opened: Opened
    row: int
    modality: Modality
    distance: int
    bits: int
    case: int = 0

    @property
    def start_ms(self) -> int:
        return int(self.opened.columns.start[self.row])

    @property
    def end_ms(self) -> int:
        return int(self.opened.columns.end[self.row])

    @property
    def number(self) -> int:
        return int(self.opened.columns.number[self.row])


@dataclass(slots=True)
class _Cell:
    """What is known of the cell whose batches are streaming."""

    name: str
    hour: int
    held: list[Opened] = field(default_factory=list)
    waiting: list[Hit] = field(default_factory=list)
    people: dict[int, People] = field(default_factory=lambda: defaultdict(People))  # numbers are of one answer


Ready = list[tuple[int, Candidate]]


class Neighbours:
    """Takes opened batches in the order of the store and gives candidates as soon as nobody can have met them still.

    Encounters outside a case's window, in Unix milliseconds, are left out of its answer. `broken` tells by case and
    position in the stream of batches whose encounters could not be joined, and why.
    """

    def __init__(self, *windows: tuple[int, int]) -> None:
        self._windows = windows
        self._cell = _Cell("", 0)
        self._past: set[str] = set()
        self.broken: dict[tuple[int, int], str] = {}

    def take(self, opened: Opened, hits: Sequence[Hit]) -> Ready:
        """Remember one batch and its hits; the candidates that are complete now, each with its case's place."""
        epoch, ready = opened.columns.epoch, Ready()
        if epoch.cell in self._past or (epoch.cell == self._cell.name and epoch.hour < self._cell.hour):
            for case in self._of(opened):
                self.broken[case, opened.index] = "the batch came out of order, so encounters may be missing"
        if epoch.cell != self._cell.name or epoch.hour < self._cell.hour:
            ready = self.finish()
            self._cell = _Cell(epoch.cell, epoch.hour)
        elif epoch.hour > self._cell.hour:
            self._cell.hour = epoch.hour
            ready = self._settle(epoch)
        self._cell.held.append(opened)
        self._cell.waiting.extend(hits)
        return ready

    def finish(self) -> Ready:
        """The candidates that still wait, at the end of a cell or of the stream."""
        ready = self._joined(self._cell.waiting)
        self._past.add(self._cell.name)
        self._cell = _Cell("", 0)
        return ready

    def drop(self, case: int) -> None:
        """Forget what waits for a case that has ended."""
        self._cell.waiting = [hit for hit in self._cell.waiting if hit.case != case]
        self._cell.people.pop(case, None)

    def _of(self, opened: Opened) -> list[int]:
        return [case for case in range(len(self._windows)) if opened.cases >> case & 1]

    def _settle(self, epoch: Epoch) -> Ready:
        # A partner was in view at the same moment, so it began before the hit ended, and ended after the hit began.
        now_ms = epoch.hour * HOUR_S * 1000
        cell = self._cell
        ready = self._joined([hit for hit in cell.waiting if hit.end_ms < now_ms])
        cell.waiting = [hit for hit in cell.waiting if hit.end_ms >= now_ms]
        oldest = min([now_ms, *(hit.start_ms for hit in cell.waiting)])
        cell.held = [one for one in cell.held if len(one.columns) and one.columns.end.max() >= oldest]
        return ready

    def _joined(self, hits: Sequence[Hit]) -> Ready:
        of_boot: dict[tuple[int, str, int], list[Hit]] = defaultdict(list)
        for hit in hits:
            of_boot[hit.case, hit.opened.columns.node, hit.opened.columns.boot].append(hit)
        ready = Ready()
        for (case, node, boot), group in of_boot.items():
            first, last = min(hit.start_ms for hit in group), max(hit.end_ms for hit in group)
            mates = [
                one
                for one in self._cell.held
                if one.cases >> case & 1
                and (one.columns.node, one.columns.boot) == (node, boot)
                # Whoever met them was in view with them; encounters cost more to read than all the rest of a batch.
                and one.overlaps(first - _SLACK_MS, last + _SLACK_MS)
            ]
            partners = self._partners(case, mates, {hit.number for hit in group})
            ready += [(case, _candidate(hit, partners[hit.number])) for hit in group]
        return ready

    def _partners(self, case: int, mates: Sequence[Opened], numbers: set[int]) -> dict[int, list[Partner]]:
        """Partners of each of some numbers, from all batches of their node and boot that are held."""
        partners: dict[int, dict[Partner, None]] = defaultdict(dict)  # ordered, and each once
        begin, end = self._windows[case]
        for a, b, *facts in self._meetings(case, mates, numbers):
            if facts[0] >= end or facts[1] < begin:
                continue
            for number, other in ((a, b), (b, a)):
                if number in numbers:
                    partners[number][self._partner(case, other, [number, other, *facts], mates)] = None
        return defaultdict(list, {number: list(found) for number, found in partners.items()})

    def _meetings(self, case: int, mates: Sequence[Opened], numbers: set[int]) -> Iterable[list[int]]:
        for one in mates:
            try:
                met = one.meetings()
            except BadBatch as error:
                self.broken[case, one.index] = f"{type(error).__name__}: {error.message}"
                continue
            yield from met[_naming(met[:, :2], numbers)].tolist()

    def _partner(self, case: int, other: int, row: list[int], mates: Sequence[Opened]) -> Partner:
        met, mask, person = encounter(row), FaceMask.UNKNOWN, None
        for one in mates:
            for at in (one.columns.number == other).nonzero()[0][:1].tolist():
                mask = FaceMask(int(one.columns.mask[at]))
                person = self._cell.people[case].number(one.columns, at, one.models.get(Modality.FACE.value, ""))
        nearest, error = met.min_distance_m, met.distance_error_m
        return Partner(other, met.start, met.end, nearest, error, mask, person, met.near_s)


def _naming(pairs: npt.NDArray[np.int64], numbers: set[int]) -> npt.NDArray[np.bool_]:
    """Which pairs hold one of some numbers."""
    if len(numbers) > _FEW:
        return np.asarray(np.isin(pairs, list(numbers)).any(axis=1))
    return np.asarray(np.any([(pairs == number).any(axis=1) for number in numbers], axis=0))


def _candidate(hit: Hit, partners: Sequence[Partner]) -> Candidate:
    columns = hit.opened.columns
    seen = columns.sighting(hit.row)
    return Candidate(
        sighting=sighting_id(columns.node, columns.boot, seen.number),
        node=columns.node,
        camera=seen.camera,
        start=seen.start,
        end=seen.end,
        modality=hit.modality,
        distance=hit.distance,
        bits=hit.bits,
        mask=seen.mask,
        quality=seen.quality,
        east_m=seen.east_m,
        north_m=seen.north_m,
        epoch=columns.epoch,
        partners=tuple(sorted(partners, key=lambda partner: (partner.start, partner.number))),
    )


def merged(parts: Iterable[Candidate]) -> tuple[Candidate, ...]:
    """One candidate a sighting and modality, the nearest, in order of time."""
    best: dict[tuple[str, Modality], Candidate] = {}
    for part in parts:
        key = (part.sighting, part.modality)
        if key not in best or part.distance < best[key].distance:
            best[key] = part
    return tuple(sorted(best.values(), key=lambda c: (c.start, c.sighting)))
