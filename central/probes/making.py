"""Templates become probe codes for every released epoch, those of several cases together.

Most of a code's cost is the key of its epoch: deriving it, and the random signs that it stands for. Cases that ask for
the same epoch share both, and cells are spread over the processor's cores.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from central.authority.released import CombinedShares
from central.probes.probe_sets import ProbeColumns, UInt8, at
from central.probes.transform import encode_quantised
from shared.codes import BITS
from shared.epochs import Modality, code_keys
from shared.errors import BadRelease
from shared.face_mask import FaceMask
from shared.templates import FACE_ROWS, Int8, Template


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """Rows int8[m, d] to be encoded under the key of every epoch of one case, and the mask state behind each."""

    modality: Modality
    model: str
    rows: Int8 = field(repr=False)
    masks: tuple[FaceMask, ...]
    shares: CombinedShares = field(repr=False)


def wanted(template: Template, consents: Sequence[str], shares: CombinedShares) -> list[Wanted]:
    """What a template gives to a search with these consents: each part under its own, and no other."""
    found = []
    if Modality.FACE in consents and (face := template.face):
        found.append(Wanted(Modality.FACE, face.model, face.rows, FACE_ROWS, shares))
    if Modality.APPEARANCE in consents and (worn := template.appearance):
        found.append(Wanted(Modality.APPEARANCE, worn.model, worn.row[None], (FaceMask.UNKNOWN,), shares))
    return found


def make(asked: Sequence[Wanted]) -> list[ProbeColumns]:
    """The codes of each, in the same order. Raises BadRelease when two cases got different shares of one epoch."""
    groups: dict[tuple[Modality, str, int], list[int]] = defaultdict(list)
    for number, one in enumerate(asked):
        groups[one.modality, one.model, one.rows.shape[1]].append(number)
    made: dict[int, ProbeColumns] = {}
    for numbers in groups.values():
        made |= zip(numbers, _Group([asked[number] for number in numbers]).make(), strict=True)
    return [made[number] for number in range(len(asked))]


class _Group:
    """Cases whose rows have one modality, one model and one length."""

    def __init__(self, asked: Sequence[Wanted]) -> None:
        self._asked = asked
        self._cells = sorted({cell for one in asked for cell in one.shares.cells})
        self._hours = sorted({hour for one in asked for hour in one.shares.hours})
        self._shares, self._who = self._together()
        bits = BITS[asked[0].modality]
        self._codes = [np.empty((*one.shares.array.shape[:2], len(one.rows), bits // 8), np.uint8) for one in asked]

    def make(self) -> list[ProbeColumns]:
        cores = min(len(os.sched_getaffinity(0)), max(1, len(self._cells)))
        with ThreadPoolExecutor(cores, thread_name_prefix="probes") as pool:
            list(pool.map(self._cell, range(len(self._cells))))
        return [_columns(one, codes) for one, codes in zip(self._asked, self._codes, strict=True)]

    def _together(self) -> tuple[UInt8, npt.NDArray[np.bool_]]:
        """Every epoch's shares uint8[cells, hours, authorities, 32], and who covers it, bool[cells, hours, cases]."""
        size = len(self._cells), len(self._hours)
        shares = np.zeros((*size, *self._asked[0].shares.array.shape[2:]), np.uint8)
        who = np.zeros((*size, len(self._asked)), np.bool_)
        for number, one in enumerate(self._asked):
            cells, hours = one.shares.cells, one.shares.hours
            place = np.ix_(np.searchsorted(self._cells, cells), np.searchsorted(self._hours, hours))
            known = who[place].any(axis=2)
            if not (shares[place] == one.shares.array).all(axis=(2, 3))[known].all():
                hint = "compare the versions of this service and the authorities"
                raise BadRelease("two cases were given different shares of one epoch", hint=hint)
            shares[place] = one.shares.array
            who[place[0], place[1], number] = True
        return shares, who

    def _cell(self, cell: int) -> None:
        """All hours of one cell, in groups of those that the same cases cover."""
        kinds, kind_of = np.unique(self._who[cell], axis=0, return_inverse=True)
        for kind, cases in enumerate(kinds):
            hours = np.flatnonzero(kind_of.ravel() == kind)
            if cases.any():
                self._encode(cell, hours, np.flatnonzero(cases).tolist())

    def _encode(self, cell: int, hours: npt.NDArray[np.intp], cases: list[int]) -> None:
        first, name = self._asked[0], self._cells[cell]
        numbers = [self._hours[hour] for hour in hours]
        keys = code_keys(self._shares[cell, hours], first.modality, first.model, name, numbers)
        rows = [self._asked[case].rows for case in cases]
        codes = encode_quantised(np.concatenate(rows), keys, BITS[first.modality])
        ends = np.cumsum([len(some) for some in rows])
        for case, part in zip(cases, np.split(codes, ends[:-1], axis=1), strict=True):
            shares = self._asked[case].shares
            place = np.searchsorted(shares.hours, numbers)
            self._codes[case][np.searchsorted(shares.cells, name), place] = part


def _columns(one: Wanted, codes: UInt8) -> ProbeColumns:
    shares = one.shares
    places = np.array([at(place, 0) for place in range(len(shares.cells))], np.int64)[:, None] | np.array(shares.hours)
    flat = codes.reshape(-1, *codes.shape[2:])
    return ProbeColumns(one.modality, one.model, one.masks, shares.cells, places.ravel(), flat)
