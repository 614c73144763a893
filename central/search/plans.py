"""What is to be done with the batches of one epoch, for the cases in whose scope it lies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from central.probes.probe_sets import ProbeColumns, ProbeSet
from central.search.candidates import MODALITIES
from central.search.kernel import Int32, UInt8, distances
from central.search.opened import Int64, Near, Opened
from central.search.opened_job import Search
from central.search.scan import codes_of, fitting, present, widened
from shared.batches import SealedBatch, open_batch, opener
from shared.epochs import SHARE_BYTES, Epoch, Modality, seal_key
from shared.face_mask import FaceMask

_KINDS = np.array(sorted(FaceMask), np.uint8)
Floats = npt.NDArray[np.float64]


@dataclass(slots=True)
class Compared:
    """Probes of all cases that one model made, in one array, so that a batch's codes are counted once: `codes`
    uint8[m, b], and for each how far it reaches, whose it is, which face masks it fits, and its fidelity."""

    modality: Modality
    codes: UInt8 = field(repr=False)
    reaches: Int32
    case: Int64
    fits: Int64
    fidelity: Floats
    others: Sequence[int]  # cases whose probes another model made than these batches' codes

    def near(self, batches: Sequence[Opened]) -> Near | None:
        """What lies within reach in batches of one epoch and model; None for nothing."""
        if not len(self.codes):
            return None
        parts = [codes_of(one.columns, self.modality) for one in batches]
        counted = distances(parts[0] if len(parts) == 1 else np.concatenate(parts), self.codes)
        place = np.flatnonzero(counted <= self.reaches[:, None])
        if not len(place):
            return None
        probe, row = np.divmod(place, counted.shape[1])
        kind, bits = MODALITIES.index(self.modality), self.codes.shape[1] * 8
        same = np.full(len(place), kind), np.full(len(place), bits)
        far = counted.ravel()[place].astype(np.int64)
        return Near(row, self.case[probe], far, self.fits[probe], *same, self.fidelity[probe])

    def passed_over(self, one: Opened) -> bool:
        """Whether codes were not compared for some case, as another model made them."""
        return bool(self.others) and bool(present(one.columns, self.modality).any())


# Which probes there are for some cases, of one modality, and for codes of one model.
_Probes = Callable[[int, Modality, str | None], Compared]


class Plan:
    """`groups` are the cases by the shares that they hold of the epoch, nearly always all of them alike; `outside` are
    those that hold none. `radius` is in bits, by place and modality."""

    def __init__(self, cases: int, epoch: Epoch, groups: dict[bytes, int], probes: _Probes) -> None:
        self.cases, self.epoch, self.groups = cases, epoch, groups
        self.outside = cases & ~sum(groups.values())
        self._probes, self._openers = probes, dict[tuple[str, int], AESGCM]()
        self._compared: dict[tuple[int, tuple[tuple[str, str], ...]], list[Compared]] = {}

    def opened(self, index: int, batch: SealedBatch, shares: bytes, cases: int) -> Opened:
        node = batch.header.node
        key = self._openers.get((node, cases))
        if key is None:
            each = [shares[at : at + SHARE_BYTES] for at in range(0, len(shares), SHARE_BYTES)]
            key = self._openers[node, cases] = opener(seal_key(each, node, self.epoch))
        return Opened(index, open_batch(batch, key), batch.header.models, cases)

    def compared(self, opened: Opened) -> list[Compared]:
        key = opened.cases, tuple(opened.models.items())
        if key not in self._compared:
            self._compared[key] = [self._probes(opened.cases, one, opened.models.get(one.value)) for one in MODALITIES]
        return self._compared[key]


class CellPlans:
    """Plans for one cell after the other. Nearly always all cases hold the same shares of a cell and look for as many
    codes in each of its hours; then what the hours have in common is put together once for all of them."""

    def __init__(self, works: Sequence[Search], radius: Int64) -> None:
        self._works, self._radius = works, radius
        self._cell, self._cases = "", -1
        self._even: _Even | None = None

    def of(self, cases: int, epoch: Epoch) -> Plan:
        """For these cases; whoever has ended since the last plan is to be left out of them."""
        if (self._cell, self._cases) != (epoch.cell, cases):
            self._cell, self._cases = epoch.cell, cases
            works = {case: work for case, work in enumerate(self._works) if cases >> case & 1}
            self._even = _even(works, epoch.cell, self._radius)
        if self._even is not None and epoch.hour in self._even.place:
            return Plan(cases, epoch, *self._even.at(epoch.hour))
        groups: dict[bytes, int] = {}
        sets: list[tuple[int, ProbeSet]] = []
        for case, work in enumerate(self._works):
            shares = work.shares.joined(epoch) if cases >> case & 1 else b""
            if shares:
                groups[shares] = groups.get(shares, 0) | 1 << case
                sets += ((case, probe) for probe in work.probes.of(epoch))
        return Plan(cases, epoch, groups, partial(_together, sets, self._radius))

    def forget(self) -> None:
        """The cases are others now."""
        self._cell, self._cases, self._even = "", -1, None


def _together(
    sets: Sequence[tuple[int, ProbeSet]], radius: Int64, cases: int, modality: Modality, made_by: str | None
) -> Compared:
    asked = [
        (case, probe) for case, probe in sets if cases >> case & 1 and probe.modality is modality and len(probe.codes)
    ]
    of = [(case, probe) for case, probe in asked if probe.model == made_by]
    sizes = [len(probe.codes) for _, probe in of]
    bits = of[0][1].codes.shape[1] * 8 if of else 0
    case, fidelity = np.repeat([case for case, _ in of], sizes), np.repeat([probe.fidelity for _, probe in of], sizes)
    return Compared(
        modality,
        np.concatenate([probe.codes for _, probe in of]) if of else np.empty((0, 0), np.uint8),
        _reaches(radius[case.astype(np.int64), MODALITIES.index(modality)], fidelity, bits),
        case.astype(np.int64),
        np.concatenate([_fits(modality, probe.masks) for _, probe in of]) if of else np.empty(0, np.int64),
        fidelity,
        [case for case, probe in asked if probe.model != made_by],
    )


@dataclass(slots=True)
class _Even:
    """A cell of which all cases hold the same: `place` of each hour, shares uint8[hours, bytes], and codes
    uint8[hours, m, b] by modality and model."""

    cases: int
    place: dict[int, int]
    shares: UInt8 = field(repr=False)
    codes: dict[tuple[Modality, str], tuple[UInt8, Compared]] = field(repr=False)
    radius: Int64
    _passed: dict[tuple[Modality, str | None], list[int]] = field(default_factory=dict)
    _reached: dict[tuple[Modality, str], tuple[bytes, Int32]] = field(default_factory=dict)

    def at(self, hour: int) -> tuple[dict[bytes, int], _Probes]:
        return {self.shares[self.place[hour]].tobytes(): self.cases}, partial(self._together, self.place[hour])

    def _together(self, place: int, _cases: int, modality: Modality, made_by: str | None) -> Compared:
        codes, layout = self.codes.get((modality, made_by or ""), (None, None))
        others = self._others(modality, made_by)
        if codes is None or layout is None:
            nothing = np.empty(0, np.int64)
            return Compared(modality, np.empty((0, 0), np.uint8), _NO_REACH, nothing, nothing, np.empty(0), others)
        reaches = self._reaches((modality, made_by or ""), layout, codes.shape[2] * 8)
        return Compared(modality, codes[place], reaches, layout.case, layout.fits, layout.fidelity, others)

    def _others(self, modality: Modality, made_by: str | None) -> list[int]:
        found = self._passed.get((modality, made_by))
        if found is None:
            found = self._passed[modality, made_by] = [
                case
                for (kind, model), (_, one) in self.codes.items()
                if kind is modality and model != made_by
                for case in dict.fromkeys(one.case.tolist())
            ]
        return found

    def _reaches(self, kind: tuple[Modality, str], layout: Compared, bits: int) -> Int32:
        """The same for all hours of the cell, until a radius is narrowed."""
        now = self.radius.tobytes()
        known = self._reached.get(kind)
        if known is None or known[0] != now:
            radius = self.radius[layout.case, MODALITIES.index(kind[0])]
            known = self._reached[kind] = now, _reaches(radius, layout.fidelity, bits)
        return known[1]


_NO_REACH = np.empty(0, np.int32)


def _even(works: Mapping[int, Search], cell: str, radius: Int64) -> _Even | None:
    """None where the cases differ in hours, shares or the hours that they have probes for."""
    holders = {case: work for case, work in works.items() if cell in work.shares.cells}
    if not holders:
        return None
    first = next(iter(holders.values())).shares
    shares = first.of_cell(cell)
    if any(one.shares.hours != first.hours or (one.shares.of_cell(cell) != shares).any() for one in holders.values()):
        return None
    parts: dict[tuple[Modality, str], list[tuple[int, ProbeColumns, UInt8]]] = defaultdict(list)
    for case, work in holders.items():
        for columns, hours, codes in work.probes.of_cell(cell):
            if hours.tolist() != list(first.hours):
                return None
            if codes.shape[1]:
                parts[columns.modality, columns.model].append((case, columns, codes))
    together = {kind: _side_by_side(kind[0], some) for kind, some in parts.items()}
    place = {hour: at for at, hour in enumerate(first.hours)}
    return _Even(sum(1 << case for case in holders), place, shares.reshape(len(place), -1), together, radius)


def _side_by_side(modality: Modality, some: Sequence[tuple[int, ProbeColumns, UInt8]]) -> tuple[UInt8, Compared]:
    sizes = [codes.shape[1] for _, _, codes in some]
    codes = np.concatenate([codes for _, _, codes in some], axis=1)
    case = np.repeat([case for case, _, _ in some], sizes).astype(np.int64)
    fits = np.concatenate([_fits(modality, columns.masks) for _, columns, _ in some])
    fidelity = np.repeat([columns.fidelity for _, columns, _ in some], sizes)
    return codes, Compared(modality, codes[0], _NO_REACH, case, fits, fidelity, ())


def _reaches(radius: Int64, fidelity: Floats, bits: int) -> Int32:
    if (fidelity == 1).all():
        return radius.astype(np.int32)
    each = zip(radius.tolist(), fidelity.tolist(), strict=True)
    return np.array([bound if kept == 1 else widened(bound, bits, kept) for bound, kept in each], np.int32)


@cache
def _fits(modality: Modality, masks: tuple[FaceMask, ...]) -> Int64:
    """For each of a set's codes the face masks that it suits: bit k is mask k."""
    suits = fitting(_KINDS, modality, masks).T.astype(np.int64)
    return np.asarray((suits << _KINDS.astype(np.int64)).sum(axis=1))
