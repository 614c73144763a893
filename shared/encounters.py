"""Encounters at the end of a batch's content: written as one block of numbers, and read when somebody asks for them.

A row is a, b, start, end, smallest distance and its error in centimetres, and the milliseconds within each of
REACHES_M, or -1; times are milliseconds from the epoch's start.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from shared.clock import from_unix
from shared.epochs import HOUR_S
from shared.errors import BadBatch
from shared.sightings import REACHES_M, Encounter
from shared.wire import byte_string, pack, unpack_proven

DAY_MS = 24 * HOUR_S * 1000
_NEAR = 6  # where the milliseconds within each reach begin
_WIDTH = _NEAR + len(REACHES_M)
# A row as it travels: eleven little-endian numbers of four bytes each; those at _UNSIGNED have no sign.
_ROW, _UNSIGNED = np.dtype("<i4"), [0, 1, 4, 5]
_ROW_BYTES = _ROW.itemsize * _WIDTH
Told = npt.NDArray[np.int32]  # rows as they travel, [k, 11]
_LOWEST = np.array([0, 0, -DAY_MS, -DAY_MS, 0, 0, *[-1] * len(REACHES_M)], np.int64)
_HIGHEST = np.array([2**32 - 1, 2**32 - 1, DAY_MS, DAY_MS, 2**32 - 1, 2**32 - 1, *[2**31 - 1] * len(REACHES_M)])
_MET = pack("encounters")
_BYTES = 2  # the major type of a byte string (RFC 8949, section 3.1)


def encounters_to_bytes(rows: Sequence[Sequence[int]]) -> bytes:
    """The block of some rows. Raises BadBatch for numbers that no box may write."""
    numbers = np.array(rows, np.int64).reshape(-1, _WIDTH)
    if not ((numbers >= _LOWEST) & (numbers <= _HIGHEST)).all() or _cannot_be(numbers.astype(_ROW)):
        raise BadBatch("an encounter has a number out of range", hint="check the box's clock and its calibration")
    return numbers.astype(_ROW).tobytes()


def encounters_from(unread: memoryview, begin_ms: int) -> npt.NDArray[np.int64]:
    """Rows int64 [k, 11], with times as Unix milliseconds. Raises BadBatch."""
    met = numbers_of(_told(unread))
    met[:, 2:4] += begin_ms
    return met


def encounter(row: Sequence[int]) -> Encounter:
    """The encounter in one of these rows."""
    a, b, start, end, distance, error, *near = row
    near_s = None if near[0] < 0 else tuple(ms / 1000 for ms in near)
    return Encounter(a, b, from_unix(start / 1000), from_unix(end / 1000), distance / 100, error / 100, near_s)


def told_of(some: Sequence[memoryview]) -> tuple[Told, list[int], dict[int, BadBatch]]:
    """The encounters of many batches together as they travel, how many are of each, and what was wrong with those that
    have none. Few of them are anybody's who is looked for: `numbers_of` reads those."""
    try:
        blobs = [_block(unread) for unread in some]
        told = _told_from(b"".join([blob for blob in blobs if blob is not None]))
        if all(blob is not None for blob in blobs) and not _cannot_be(told):
            return told, [len(blob) // _ROW_BYTES for blob in blobs if blob is not None], {}
    except (ValueError, IndexError):
        pass  # one of them is broken: which, is found out one by one
    parts, broken = [np.empty((0, _WIDTH), _ROW)], dict[int, BadBatch]()
    for place, unread in enumerate(some):
        try:
            parts.append(_told(unread))
        except BadBatch as error:
            broken[place] = error
            parts.append(parts[0])
    return np.concatenate(parts), [len(part) for part in parts[1:]], broken


def numbers_of(told: Told) -> npt.NDArray[np.int64]:
    """Rows as they travel as int64 [k, 11], with times from the epoch's start."""
    rows = told.astype(np.int64)
    rows[:, _UNSIGNED] &= 2**32 - 1
    return rows


def _told(unread: memoryview) -> Told:
    """Encounters as they travel, looked at; older schemas have a list of rows."""
    try:
        blob = _block(unread)
        if blob is None:
            rows = _rows(unread)
            fits = bool(((rows >= _LOWEST) & (rows <= _HIGHEST)).all())
            told = rows.astype(_ROW)
        else:
            told, fits = _told_from(blob), True
    except (TypeError, ValueError, OverflowError, IndexError):
        raise BadBatch("a batch's encounters are malformed", hint="quarantine this node") from None
    if not fits or _cannot_be(told):
        raise BadBatch("an encounter has a number out of range", hint="quarantine this node")
    return told


def _block(unread: memoryview) -> memoryview | None:
    """The block of a batch's encounters; None where they are a list of rows, as in schemas 1 and 2. ValueError."""
    at = len(_MET)
    if unread[:at] != _MET:
        raise ValueError
    if unread[at] >> 5 != _BYTES:
        return None
    start, end = byte_string(unread, at)
    if end != len(unread) or (end - start) % _ROW_BYTES:
        raise ValueError
    return unread[start:end]


def _told_from(blob: bytes | memoryview) -> Told:
    return np.frombuffer(blob, _ROW).reshape(-1, _WIDTH)


def _cannot_be(told: Told) -> bool:
    """Whether any row is one that no box writes: a time days away, less time within a longer reach, a count that is
    half missing. Numbers and lengths are whatever fits into their four bytes."""
    if not len(told):
        return False
    columns = np.ascontiguousarray(told[:, 2:].T)  # a third of the time that strides of a row take
    times, near = columns[:2], columns[_NEAR - 2 :]
    far = times.min() < -DAY_MS or times.max() > DAY_MS
    half = (near[0] < 0) != (near[-1] < 0)
    return bool(far or near[0].min() < -1 or (near[1:] < near[:-1]).any() or half.any())


def _rows(unread: memoryview) -> npt.NDArray[np.int64]:
    """The numbers of schema 2, and of schema 1, whose rows have six."""
    rows = unpack_proven(unread[len(_MET) :], BadBatch, "a batch's encounters")
    numbers = np.array(rows if isinstance(rows, list) else None)
    if not numbers.size and rows == []:
        return np.empty((0, _WIDTH), np.int64)
    if numbers.dtype.kind not in "iu" or numbers.ndim != 2 or numbers.shape[1] not in (_WIDTH, _NEAR):
        raise ValueError
    met = np.full((len(rows), _WIDTH), -1, np.int64)
    met[:, : numbers.shape[1]] = numbers
    return met
