"""Where each column lies in the sightings of a batch, and how those of one batch or of many are read.

A column lies behind those before it, each n times as long as its field is in a row. The codes lie last, so what is left
of n rows without them is one piece.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from shared.codes import APPEARANCE_BITS, FACE_BITS

# Name and little-endian type of each column; the order is the wire order and never changes within a schema version.
LAYOUT = np.dtype(
    [
        ("number", "<u4"),
        ("start", "<i4"),
        ("end", "<i4"),
        ("east", "<i2"),
        ("north", "<i2"),
        ("camera", "u1"),
        ("mask", "u1"),
        ("quality", "u1"),
        ("flags", "u1"),
        ("face", "u1", (FACE_BITS // 8,)),
        ("appearance", "u1", (APPEARANCE_BITS // 8,)),
    ]
)
ROW_BYTES = LAYOUT.itemsize
_NAMES = LAYOUT.names or ()
Int64 = npt.NDArray[np.int64]


class _Column(NamedTuple):
    """Its type and shape, and how many bytes of a row lie before it and in it."""

    base: np.dtype[Any]
    shape: tuple[int, ...]
    before: int
    width: int


# Looked up once: numpy's own look-ups cost more than the views they describe.
_BEFORE = accumulate((LAYOUT[name].itemsize for name in _NAMES), initial=0)
_COLUMNS = {
    name: _Column(LAYOUT[name].base, LAYOUT[name].shape, before, LAYOUT[name].itemsize)
    for name, before in zip(_NAMES, _BEFORE, strict=False)
}
_PLAIN_BYTES = _COLUMNS["face"].before  # of a row without its codes


def blob_of(values: Mapping[str, Any]) -> bytes:
    """The columns of n rows as they travel."""
    return b"".join(np.asarray(values[name], one.base).tobytes() for name, one in _COLUMNS.items())


def column_of(blob: memoryview, n: int, name: str) -> npt.NDArray[Any]:
    """One column of n rows, as it lies there."""
    base, shape, before, _ = _COLUMNS[name]
    return np.ndarray((n, *shape), base, blob, before * n)


class Stacked:
    """Columns of several batches, one below the other: a row counts through all of them.

    `sizes` int64[batches] are their rows, `begins` the first row of each, `batch` int64[rows] the batch of each row.
    """

    def __init__(self, blobs: Sequence[memoryview]) -> None:
        self._blobs = blobs
        self.sizes: Int64 = np.array([len(blob) // ROW_BYTES for blob in blobs], np.int64)
        self.begins: Int64 = np.cumsum(self.sizes) - self.sizes
        self._columns: dict[str, npt.NDArray[Any]] = {}

    @cached_property
    def batch(self) -> Int64:
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    def column(self, name: str) -> npt.NDArray[Any]:
        """A column of all rows; not of codes, which would be megabytes."""
        if name not in self._columns:
            base, _, before, width = _COLUMNS[name]
            places = zip(self._blobs, (before * self.sizes).tolist(), (width * self.sizes).tolist(), strict=True)
            parts = [blob[begin : begin + size] for blob, begin, size in places]
            self._columns[name] = np.frombuffer(b"".join(parts), base)
        return self._columns[name]

    def at(self, name: str, rows: Int64) -> npt.NDArray[Any]:
        """The same of some rows."""
        if name in self._columns:
            return self._columns[name][rows]
        words, shift = self._words(name)
        found: npt.NDArray[Any] = words[rows + shift[self.batch[rows]]]
        return found

    def codes(self, name: str, rows: Int64) -> npt.NDArray[np.uint8]:
        """The codes [n, bytes] of a few rows."""
        _, _, before, width = _COLUMNS[name]
        batch = self.batch[rows]
        begin = before * self.sizes[batch] + width * (rows - self.begins[batch])
        places = zip(batch.tolist(), begin.tolist(), strict=True)
        found = b"".join([self._blobs[one][at : at + width] for one, at in places])
        return np.frombuffer(found, np.uint8).reshape(-1, width)

    @cached_property
    def _plain(self) -> npt.NDArray[np.uint8]:
        """All that is no code."""
        parts = zip(self._blobs, (_PLAIN_BYTES * self.sizes).tolist(), strict=True)
        return np.frombuffer(b"".join([blob[:end] for blob, end in parts]), np.uint8)

    def _words(self, name: str) -> tuple[npt.NDArray[Any], Int64]:
        """What is no code as numbers of this column's type, and by how much those of a batch's rows are moved."""
        base, _, before, width = _COLUMNS[name]
        return self._plain.view(base), (_PLAIN_BYTES // width - 1) * self.begins + before // width * self.sizes
