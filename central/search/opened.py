"""An opened batch in a pass, the memory that it lies in, and the hits in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.sighting_columns import SightingColumns

Int64 = npt.NDArray[np.int64]

_CHUNK_BYTES = 2**20  # a batch has a quarter of that at most


class Memory:
    """Memory for contents, used again and again: the system takes longer to give new memory than opening takes."""

    def __init__(self) -> None:
        self._chunks: list[bytearray] = []
        self._places: set[int] = set()  # of the chunks, as objects, which have no hash
        self._chunk, self._at = 0, 0

    def take(self, size: int) -> memoryview:
        """So much of it, until all is given back."""
        if not self._chunks or self._at + size > len(self._chunks[self._chunk]):
            self._chunk, self._at = self._chunk + bool(self._chunks), 0
            if self._chunk == len(self._chunks):
                self._chunks.append(bytearray(max(size, _CHUNK_BYTES)))
                self._places.add(id(self._chunks[-1]))
            elif size > len(self._chunks[self._chunk]):
                return memoryview(bytearray(size))
        begin, self._at = self._at, self._at + size
        return memoryview(self._chunks[self._chunk])[begin : self._at]

    def give_back(self) -> None:
        """All of it: whoever still needs something has made a copy."""
        self._chunk, self._at = 0, 0

    def has(self, view: memoryview) -> bool:
        """Whether this is a part of it."""
        return id(view.obj) in self._places


@dataclass(slots=True, eq=False)
class Opened:
    """An opened batch, its position in the stream, the models behind its codes, by modality, and the cases for which
    it opened: bit k is the case at place k. Not frozen, as its columns are not."""

    index: int
    columns: SightingColumns
    models: Mapping[str, str]
    cases: int = 1

    def copied(self) -> Opened:
        """The same in memory of its own."""
        one = self.columns
        columns = replace(one, blob=memoryview(bytes(one.blob)), unread=memoryview(bytes(one.unread)))
        return replace(self, columns=columns)


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """Codes of some batches that lie within reach of a probe, a row each.

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
