"""What is to be done with the batches of one epoch, for the cases in whose scope it lies."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from central.probes.probe_sets import ProbeColumns, ProbeSet
from central.search.candidates import MODALITIES
from central.search.comparing import Compared, Floats
from central.search.kernel import Int32, UInt8
from central.search.opened import Int64
from central.search.opened_job import Search
from central.search.scan import fitting, widened
from shared.batches import opener
from shared.epochs import SHARE_BYTES, Epoch, Modality, seal_key, seal_keys
from shared.face_mask import FaceMask

_KINDS = np.array(sorted(FaceMask), np.uint8)

# The probes for codes of one modality and model, and the seal key of a node.
_ComparedWith = Callable[[Modality, str | None], Compared]
_KeyOf = Callable[[str], bytes]


class Group:
    """Cases that hold the same shares of one epoch, nearly always all of them."""

    def __init__(self, cases: int, key: _KeyOf, compared: _ComparedWith) -> None:
        self.cases, self._key, self._compared = cases, key, compared
        self._ciphers: dict[str, AESGCM] = {}
        self._known: dict[tuple[tuple[str, str], ...], list[Compared]] = {}

    def cipher(self, node: str) -> AESGCM:
        known = self._ciphers.get(node)
        if known is None:
            known = self._ciphers[node] = opener(self._key(node))
        return known

    def compared(self, models: Mapping[str, str]) -> list[Compared]:
        """With what codes of these models are compared."""
        key = tuple(models.items())
        known = self._known.get(key)
        if known is None:
            each = [self._compared(one, models.get(one.value)) for one in MODALITIES]
            known = self._known[key] = [one for one in each if len(one.codes) or one.others]
        return known


class Plan(NamedTuple):
    """Whom the batches of one epoch are opened for; `outside` are the cases that hold no shares of it."""

    groups: Sequence[Group]
    outside: int


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
            return Plan([self._even.at(epoch.hour)], cases & ~self._even.cases)
        held: dict[bytes, list[int]] = defaultdict(list)
        for case, work in enumerate(self._works):
            shares = work.shares.joined(epoch) if cases >> case & 1 else b""
            if shares:
                held[shares].append(case)
        inside = sum(1 << case for those in held.values() for case in those)
        return Plan([self._group(epoch, shares, those) for shares, those in held.items()], cases & ~inside)

    def _group(self, epoch: Epoch, shares: bytes, cases: Sequence[int]) -> Group:
        sets = [(case, probe) for case in cases for probe in self._works[case].probes.of(epoch)]
        each = [shares[at : at + SHARE_BYTES] for at in range(0, len(shares), SHARE_BYTES)]
        return Group(
            sum(1 << case for case in cases),
            lambda node: seal_key(each, node, epoch),
            partial(_together, sets, self._radius),
        )

    def forget(self) -> None:
        """The cases are others now."""
        self._cell, self._cases, self._even = "", -1, None


def _together(sets: Sequence[tuple[int, ProbeSet]], radius: Int64, modality: Modality, made_by: str | None) -> Compared:
    asked = [(case, probe) for case, probe in sets if probe.modality is modality and len(probe.codes)]
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
    """A cell of which all cases hold the same: `place` of each hour, shares uint8[hours, authorities, 32], and codes
    uint8[hours, m, b] by modality and model."""

    cell: str
    cases: int
    place: dict[int, int]
    shares: UInt8 = field(repr=False)
    codes: dict[tuple[Modality, str], tuple[UInt8, Compared]] = field(repr=False)
    radius: Int64
    _keys: dict[str, list[bytes]] = field(default_factory=dict, repr=False)
    _passed: dict[tuple[Modality, str | None], list[int]] = field(default_factory=dict)
    _reached: dict[tuple[Modality, str], tuple[bytes, Int32]] = field(default_factory=dict)

    def at(self, hour: int) -> Group:
        place = self.place[hour]
        return Group(self.cases, partial(self._key, place), partial(self._compared, place))

    def _key(self, place: int, node: str) -> bytes:
        if node not in self._keys:
            self._keys[node] = seal_keys(self.shares, node, self.cell, list(self.place))
        return self._keys[node][place]

    def _compared(self, place: int, modality: Modality, made_by: str | None) -> Compared:
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
    return _Even(cell, sum(1 << case for case in holders), place, shares, together, radius)


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
