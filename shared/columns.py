"""Sightings as columns: the plain content of a batch, laid out so that opening is a handful of array views."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache, partial
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.codes import APPEARANCE_BITS, FACE_BITS
from shared.epochs import HOUR_S, Epoch
from shared.errors import BadBatch, CairnError
from shared.face_mask import FaceMask
from shared.ids import check_id
from shared.sightings import HAS_APPEARANCE, HAS_FACE, NOWHERE, REACHES_M, Encounter, Sighting, SightingColumns
from shared.wire import byte_string, pack, unpack, unpack_first, unpack_proven

_MASKS = bytes(sorted(FaceMask))
_CAMERAS_AT_MOST = 256  # as many as one byte can tell apart
_UP_TO = [bytes(range(count)) for count in range(_CAMERAS_AT_MOST + 1)]
_DAY_MS = 24 * HOUR_S * 1000
_NEAR = 6  # where the milliseconds within each reach begin
_WIDTH = _NEAR + len(REACHES_M)
# A row as it travels: eleven little-endian numbers of four bytes each; those at _UNSIGNED have no sign.
_ROW, _UNSIGNED = np.dtype("<i4"), [0, 1, 4, 5]
Told = npt.NDArray[np.int32]  # rows as they travel, [k, 11]
_LOWEST = np.array([0, 0, -_DAY_MS, -_DAY_MS, 0, 0, *[-1] * len(REACHES_M)], np.int64)
_HIGHEST = np.array([2**32 - 1, 2**32 - 1, _DAY_MS, _DAY_MS, 2**32 - 1, 2**32 - 1, *[2**31 - 1] * len(REACHES_M)])
# Name and little-endian type of each column; the order is the wire order and never changes within a schema version.
_LAYOUT = np.dtype(
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
_NAMES = _LAYOUT.names or ()
# Type, shape and place of each column, looked up once: numpy's own look-ups cost more than the views they describe.
# A column lies behind those before it, each n times as long as its field is in a row.
_BEFORE = accumulate((_LAYOUT[name].itemsize for name in _NAMES), initial=0)
_COLUMNS = {n: (_LAYOUT[n].base, _LAYOUT[n].shape, before) for n, before in zip(_NAMES, _BEFORE, strict=False)}


def columns_to_bytes(epoch: Epoch, sightings: Sequence[Sighting], encounters: Sequence[Encounter]) -> bytes:
    """CBOR {cameras, n, columns, encounters}; times are milliseconds from the epoch's start.

    Encounters are one block of numbers, a row each: a, b, start, end, smallest distance and its error in centimetres,
    and the milliseconds within each of REACHES_M, or -1.
    """
    cameras = sorted({sighting.camera for sighting in sightings})
    values = _values(epoch, sightings, cameras)
    blob = b"".join(np.asarray(values[name], base).tobytes() for name, (base, _, _) in _COLUMNS.items())
    rows = np.array([_encounter_row(encounter, epoch) for encounter in encounters], np.int64).reshape(-1, _WIDTH)
    fits = ((rows >= _LOWEST) & (rows <= _HIGHEST)).all()
    if not fits or cannot_be(rows.astype(_ROW)):
        raise BadBatch("an encounter has a number out of range", hint="check the box's clock and its calibration")
    met = rows.astype(_ROW).tobytes()
    return pack({"cameras": cameras, "n": len(sightings), "columns": blob, "encounters": met})


def columns_from_bytes(plain: bytes, node: str, boot: int, epoch: Epoch) -> SightingColumns:
    """Undo columns_to_bytes and the padding around it. Raises BadBatch."""
    length = int.from_bytes(plain[:4], "big")
    if len(plain) < 4 or length > len(plain) - 4:
        raise BadBatch("a batch's content is cut short", hint="quarantine this node")
    n, cameras, blob, unread = _head(plain, 4 + length)
    if len(blob) != n * _LAYOUT.itemsize:
        raise BadBatch("a batch's content is malformed", hint="quarantine this node")
    column = partial(_column, blob, n)
    # Nothing is left of a column without what it may hold; for so few bytes that is faster than asking numpy.
    known = _UP_TO[min(len(cameras), _CAMERAS_AT_MOST)]
    if _bytes(blob, n, "camera").translate(None, known) or _bytes(blob, n, "mask").translate(None, _MASKS):
        raise BadBatch("a batch names a camera or mask state that does not exist", hint="quarantine this node")
    meetings = partial(_meetings, unread, epoch.hour * HOUR_S * 1000)
    return SightingColumns(node, boot, epoch, cameras, n, column, meetings, unread)


def _head(plain: bytes, end: int) -> tuple[int, tuple[str, ...], memoryview, memoryview]:
    """The number of rows, the cameras, the columns, and the encounters' entry, still to be read.

    What comes before the columns is spelled in one way only, so its parts are found where they must lie; whatever is
    not found there is read in full, which tells what is wrong.
    """
    all_of_it = memoryview(plain)[:end]
    try:
        n, at = _count(plain, 4 + len(_FIRST))
        if not plain.startswith(_FIRST, 4) or not plain.startswith(_CAMERAS, at):
            raise ValueError
        mark = plain.index(_BLOB, at)
        cameras = _camera_names(plain[at + len(_CAMERAS) : mark])
        begin, stop = byte_string(all_of_it, mark + len(_BLOB))
    except (ValueError, IndexError, CairnError):
        return _read_head(all_of_it[4:])
    return n, cameras, all_of_it[begin:stop], all_of_it[stop:]


_FIRST, _CAMERAS, _BLOB, _MET = b"\xa4" + pack("n"), pack("cameras"), pack("columns"), pack("encounters")


def _count(plain: bytes, at: int) -> tuple[int, int]:
    """A number of up to two bytes, in its shortest spelling (RFC 8949, section 3), and where the next thing begins."""
    width = {0x18: 1, 0x19: 2}.get(plain[at], 0)
    n = int.from_bytes(plain[at + 1 : at + 1 + width], "big") if width else plain[at]
    if n < (0, 24, 2**8)[width] or (not width and n >= 24):
        raise ValueError
    return n, at + 1 + width


def _read_head(content: memoryview) -> tuple[int, tuple[str, ...], memoryview, memoryview]:
    value, unread = unpack_first(content, ("n", "cameras", "columns"), BadBatch, "a batch's content")
    n, cameras = value["n"], value["cameras"]
    if type(n) is not int or n < 0 or not isinstance(cameras, list):
        raise BadBatch("a batch's content is malformed", hint="quarantine this node")
    return n, _camera_names(pack(cameras)), value["columns"], unread


@lru_cache(4096)
def _camera_names(raw: bytes) -> tuple[str, ...]:
    # A node names the same cameras in every batch of a fortnight.
    try:
        return tuple(check_id(name, "camera") for name in unpack(raw, BadBatch, "a batch's cameras"))
    except (TypeError, CairnError):
        raise BadBatch("a batch's content is malformed", hint="quarantine this node") from None


def _bytes(blob: memoryview, n: int, name: str) -> bytes:
    """A column of one byte a row."""
    at = _COLUMNS[name][2] * n
    return bytes(blob[at : at + n])


def _column(blob: memoryview, n: int, name: str) -> npt.NDArray[Any]:
    base, shape, before = _COLUMNS[name]
    return np.ndarray((n, *shape), base, blob, before * n)


def _values(epoch: Epoch, sightings: Sequence[Sighting], cameras: list[str]) -> dict[str, Any]:
    """The content of each column."""
    camera_at = {camera: at for at, camera in enumerate(cameras)}
    faces, clothes = [s.face_code for s in sightings], [s.appearance_code for s in sightings]
    return {
        "number": [s.number for s in sightings],
        "start": [_offset_ms(s.start, epoch) for s in sightings],
        "end": [_offset_ms(s.end, epoch) for s in sightings],
        "east": [_centimetres(s.east_m) for s in sightings],
        "north": [_centimetres(s.north_m) for s in sightings],
        "camera": [camera_at[s.camera] for s in sightings],
        "mask": [int(s.mask) for s in sightings],
        "quality": [round(min(max(s.quality, 0.0), 1.0) * 255) for s in sightings],
        "flags": [
            HAS_FACE * (face is not None) | HAS_APPEARANCE * (worn is not None)
            for face, worn in zip(faces, clothes, strict=True)
        ],
        "face": _bits("face", faces, FACE_BITS // 8),
        "appearance": _bits("appearance", clothes, APPEARANCE_BITS // 8),
    }


def _bits(name: str, codes: Sequence[bytes | None], size: int) -> npt.NDArray[np.uint8]:
    for code in codes:
        if code is not None and len(code) != size:
            raise BadBatch(f"a {name} code has {len(code)} bytes", hint="encode it with the modality's own length")
    return np.frombuffer(b"".join(code or bytes(size) for code in codes), np.uint8)


def _offset_ms(moment: datetime, epoch: Epoch) -> int:
    offset = round((moment - epoch.start).total_seconds() * 1000)
    if not -_DAY_MS <= offset <= _DAY_MS:
        raise BadBatch("a sighting lies a day or more from its epoch", hint="check the box's clock")
    return offset


def _centimetres(metres: float | None) -> int:
    if metres is None or not abs(metres) <= 327:
        return NOWHERE
    return round(metres * 100)


def _encounter_row(encounter: Encounter, epoch: Epoch) -> list[int]:
    times = [_offset_ms(encounter.start, epoch), _offset_ms(encounter.end, epoch)]
    lengths = [round(encounter.min_distance_m * 100), round(encounter.distance_error_m * 100)]
    near = [-1] * len(REACHES_M) if encounter.near_s is None else [round(s * 1000) for s in encounter.near_s]
    return [encounter.a, encounter.b, *times, *lengths, *near]


def _meetings(unread: memoryview, begin_ms: int) -> npt.NDArray[np.int64]:
    """Encounters int64 [k, 11], with times as Unix milliseconds."""
    met = numbers_of(_told(unread))
    met[:, 2:4] += begin_ms
    return met


def _told(unread: memoryview) -> Told:
    """Encounters as they travel, looked at; older schemas have a list of rows."""
    try:
        blob = met_of(unread)
        if blob is None:
            rows = _rows(unread)
            fits = bool(((rows >= _LOWEST) & (rows <= _HIGHEST)).all())
            told = rows.astype(_ROW)
        else:
            told, fits = _told_from(blob), True
    except (TypeError, ValueError, OverflowError, IndexError):
        raise BadBatch("a batch's encounters are malformed", hint="quarantine this node") from None
    if not fits or cannot_be(told):
        raise BadBatch("an encounter has a number out of range", hint="quarantine this node")
    return told


def met_of(unread: memoryview) -> memoryview | None:
    """The block of a batch's encounters; None where they are a list of rows, as in schemas 1 and 2. ValueError."""
    at = len(_MET)
    if unread[:at] != _MET:
        raise ValueError
    if unread[at] >> 5 != _BYTES:
        return None
    start, end = byte_string(unread, at)
    if end != len(unread) or (end - start) % (_ROW.itemsize * _WIDTH):
        raise ValueError
    return unread[start:end]


_BYTES = 2  # the major type of a byte string (RFC 8949, section 3.1)


def _told_from(blob: bytes | memoryview) -> Told:
    return np.frombuffer(blob, _ROW).reshape(-1, _WIDTH)


def numbers_of(told: Told) -> npt.NDArray[np.int64]:
    """Rows as they travel as int64 [k, 11], with times from the epoch's start."""
    rows = told.astype(np.int64)
    rows[:, _UNSIGNED] &= 2**32 - 1
    return rows


def cannot_be(told: Told) -> bool:
    """Whether any row is one that no box writes: a time days away, less time within a longer reach, a count that is
    half missing. Numbers and lengths are whatever fits into their four bytes."""
    times, near = told[:, 2:4], told[:, _NEAR:]
    falling = near[:, 1:] < near[:, :-1]
    half = (near[:, 0] < 0) != (near[:, -1] < 0)
    far = (times < -_DAY_MS) | (times > _DAY_MS)
    return bool(far.any() or falling.any() or half.any() or (near[:, 0] < -1).any())


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


def meetings_of(some: Sequence[SightingColumns]) -> tuple[Told, list[int], dict[int, BadBatch]]:
    """The meetings of many batches together as they travel, how many are of each, and what was wrong with those that
    have none. Few of them are anybody's who is looked for: `numbers_of` reads those."""
    try:
        blobs = [met_of(one.unread) for one in some]
        told = _told_from(b"".join(blob for blob in blobs if blob is not None))
        if all(blob is not None for blob in blobs) and not cannot_be(told):
            return told, [len(blob) // (_ROW.itemsize * _WIDTH) for blob in blobs if blob is not None], {}
    except (ValueError, IndexError):
        pass  # one of them is broken: which, is found out one by one
    parts, broken = [np.empty((0, _WIDTH), _ROW)], dict[int, BadBatch]()
    for place, one in enumerate(some):
        try:
            parts.append(_told(one.unread))
        except BadBatch as error:
            broken[place] = error
            parts.append(parts[0])
    return np.concatenate(parts), [len(part) for part in parts[1:]], broken
