"""Counts the codes of opened batches against the probes of their epochs, and tells what lies near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from central.search.candidates import MODALITIES
from central.search.kernel import Int32, UInt8, distances
from central.search.opened import Int64, Near, Opened
from central.search.scan import codes_of, present
from shared.epochs import Modality

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

    def passed_over(self, one: Opened) -> bool:
        """Whether codes were not compared for some case, as another model made them."""
        return bool(self.others) and bool(present(one.columns, self.modality).any())


class _Found(NamedTuple):
    """Places within reach in the counts [m, rows] of one epoch, whose rows begin at `first`, and the counts there."""

    compared: Compared
    first: int
    rows: int
    place: Int64
    far: Int32


class Comparing:
    """Takes the batches of one epoch after the other, and makes one answer of them all."""

    def __init__(self) -> None:
        self._found: list[_Found] = []

    def take(self, compared: Compared, batches: Sequence[Opened], first: int) -> None:
        """Batches of one epoch and model, whose rows begin at `first` among all."""
        if not len(compared.codes) or not batches:
            return
        parts = [codes_of(one.columns, compared.modality) for one in batches]
        counted = distances(parts[0] if len(parts) == 1 else np.concatenate(parts), compared.codes)
        (place,) = (counted <= compared.reaches[:, None]).ravel().nonzero()
        if len(place):
            self._found.append(_Found(compared, first, counted.shape[1], place, counted.ravel()[place]))

    def near(self) -> Near | None:
        """What lies within reach; None for nothing."""
        if not self._found:
            return None
        all_of_them = [one.compared for one in self._found]
        each = np.repeat(np.arange(len(self._found)), [len(one.place) for one in self._found])
        of = np.array([(one.rows, one.first) for one in self._found], np.int64)[each]
        probe, row = np.divmod(np.concatenate([one.place for one in self._found]), of[:, 0])
        kinds = [(MODALITIES.index(one.modality), one.codes.shape[1] * 8) for one in all_of_them]
        probes = np.array([len(one.codes) for one in all_of_them], np.int64)
        which = (np.cumsum(probes) - probes)[each] + probe
        case, fits, fidelity = (
            np.concatenate([getattr(one, name) for one in all_of_them])[which] for name in ("case", "fits", "fidelity")
        )
        modality, bits = np.array(kinds, np.int64).T
        far = np.concatenate([one.far for one in self._found]).astype(np.int64)
        return Near(row + of[:, 1], case, far, fits, modality[each], bits[each], fidelity)
