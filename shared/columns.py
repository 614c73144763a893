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
from shared.ids import check_id
from shared.sightings import HAS_APPEARANCE, HAS_FACE, NOWHERE, REACHES_M, Encounter, Sighting, SightingColumns
from shared.wire import pack, unpack, unpack_first

_DAY_MS = 24 * HOUR_S * 1000
_WIDTH = 6 + len(REACHES_M)
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
    """CBOR {cameras, n, columns, encounters}; times are milliseconds from the epoch's start."""
    cameras = sorted({sighting.camera for sighting in sightings})
    values = _values(epoch, sightings, cameras)
    blob = b"".join(np.asarray(values[name], base).tobytes() for name, (base, _, _) in _COLUMNS.items())
    pairs = [_encounter_row(encounter, epoch) for encounter in encounters]
    return pack({"cameras": cameras, "n": len(sightings), "columns": blob, "encounters": pairs})


def columns_from_bytes(plain: bytes, node: str, boot: int, epoch: Epoch) -> SightingColumns:
    """Undo columns_to_bytes and the padding around it. Raises BadBatch."""
    length = int.from_bytes(plain[:4], "big")
    if len(plain) < 4 or length > len(plain) - 4:
        raise BadBatch("a batch's content is cut short", hint="quarantine this node")
    names = ("n", "cameras", "columns")
    value, unread = unpack_first(memoryview(plain)[4 : 4 + length], names, BadBatch, "a batch's content")
    n, blob = value["n"], value["columns"]
    if type(n) is not int or not isinstance(value["cameras"], list) or len(blob) != n * _LAYOUT.itemsize:
        raise BadBatch("a batch's content is malformed", hint="quarantine this node")
    try:
        cameras = _camera_names(*value["cameras"])
    except (TypeError, CairnError):
        raise BadBatch("a batch's content is malformed", hint="quarantine this node") from None
    column = partial(_column, blob, n)
    if n and (column("camera").max() >= len(cameras) or column("mask").max() > 3):
        raise BadBatch("a batch names a camera or mask state that does not exist", hint="quarantine this node")
    meetings = partial(_meetings, unread, epoch.hour * HOUR_S * 1000)
    return SightingColumns(node, boot, epoch, cameras, n, column, meetings)


@lru_cache(4096)
def _camera_names(*names: str) -> tuple[str, ...]:
    # A node names the same cameras in every batch of a fortnight.
    return tuple(check_id(name, "camera") for name in names)


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
    """Encounters int64 [k, 11], with times as Unix milliseconds; rows of schema 1 have six numbers."""
    key = pack("encounters")
    try:
        if unread[: len(key)] != key:
            raise ValueError
        rows = unpack(bytes(unread[len(key) :]), BadBatch, "a batch's encounters")
        width = len(rows[0]) if rows else _WIDTH
        if width not in (_WIDTH, _WIDTH - len(REACHES_M)):
            raise ValueError
        met = np.full((len(rows), _WIDTH), -1, np.int64)
        met[:, :width] = np.array(rows, np.int64).reshape(len(rows), width)
    except (TypeError, ValueError, OverflowError):
        raise BadBatch("a batch's encounters are malformed", hint="quarantine this node") from None
    near = met[:, _WIDTH - len(REACHES_M) :]
    counted = near[:, 0] >= 0
    if (
        (np.abs(met[:, 2:4]) > _DAY_MS).any()
        or (met < 0)[:, [0, 1, 4, 5]].any()
        or (np.diff(near[counted], axis=1) < 0).any()
        or (near[~counted] != -1).any()
    ):
        raise BadBatch("an encounter has a number out of range", hint="quarantine this node")
    met[:, 2:4] += begin_ms
    return met
