"""An opened batch in a pass, and the hits in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.epochs import HOUR_S
from shared.sightings import SightingColumns

Int64 = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """An opened batch, its position in the stream, the models behind its codes, by modality, and the cases for which
    it opened: bit k is the case at place k."""

    index: int
    columns: SightingColumns
    models: Mapping[str, str]
    cases: int = 1
    _until: list[int] = field(default_factory=list)

    @property
    def until(self) -> int:
        """The last moment at which anybody in it was in view, in Unix milliseconds."""
        if not self._until:
            last = int(self.columns.column("end").max()) if len(self.columns) else 0
            self._until.append(self.columns.epoch.hour * HOUR_S * 1000 + last)
        return self._until[0]

    @property
    def span(self) -> tuple[int, int]:
        """From the first to the last such moment."""
        first = int(self.columns.column("start").min()) if len(self.columns) else 0
        return self.columns.epoch.hour * HOUR_S * 1000 + first, self.until


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """Codes of some batches of one epoch that lie within reach of a probe, a row each.

    `row` counts through the batches; `case` is the probe's place, `fits` has bit k where it suits face mask k, and
    `modality` is a place among MODALITIES. `bits` and `fidelity` are the probe's.
    """

    row: Int64
    case: Int64
    distance: Int64
    fits: Int64
    modality: Int64
    bits: Int64
    fidelity: npt.NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.row)

    def of(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Near:
        return Near(*(column[rows] for column in self.columns()))

    def at(self, row: Int64) -> Near:
        """The same in other places."""
        return Near(row, *self.columns()[1:])

    def columns(self) -> tuple[npt.NDArray[Any], ...]:
        return self.row, self.case, self.distance, self.fits, self.modality, self.bits, self.fidelity


def joined(parts: Sequence[Near]) -> Near:
    """All of them, in one."""
    if len(parts) == 1:
        return parts[0]
    return Near(*(np.concatenate(columns) for columns in zip(*(part.columns() for part in parts), strict=True)))
