"""Sightings as columns: the plain content of a batch, laid out so that opening is a handful of array views."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache, partial
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.codes import APPEARANCE_BITS, FACE_BITS
from shared.epochs import HOUR_S, Epoch
from shared.errors import BadBatch, CairnError
from shared.ids import check_id
from shared.sightings import NOWHERE, Encounter, Sighting, SightingColumns
from shared.wire import pack, unpack, unpack_first

_HAS_FACE, _HAS_APPEARANCE = 1, 2
_DAY_MS = 24 * HOUR_S * 1000
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
# What _split needs of each column, looked up once: numpy's own look-ups cost more than the views they describe.
_COLUMNS = [(name, _LAYOUT[name].base, _LAYOUT[name].shape, _LAYOUT[name].itemsize) for name in _LAYOUT.names or ()]


def columns_to_bytes(epoch: Epoch, sightings: Sequence[Sighting], encounters: Sequence[Encounter]) -> bytes:
    """CBOR {cameras, n, columns, encounters}; times are milliseconds from the epoch's start."""
    cameras = sorted({sighting.camera for sighting in sightings})
    values = _values(epoch, sightings, cameras)
    blob = b"".join(np.asarray(values[name], base).tobytes() for name, base, _, _ in _COLUMNS)
    pairs = [_encounter_row(encounter, epoch) for encounter in encounters]
    return pack({"cameras": cameras, "n": len(sightings), "columns": blob, "encounters": pairs})


def columns_from_bytes(plain: bytes, node: str, boot: int, epoch: Epoch) -> SightingColumns:
    """Undo columns_to_bytes and the padding around it. Raises BadBatch."""
    length = int.from_bytes(plain[:4], "big")
    if len(plain) < 4 or length > len(plain) - 4:
        raise BadBatch("a batch's content is cut short", hint="quarantine this node")
    names = ("n", "cameras", "columns")
    value, unread = unpack_first(memoryview(plain)[4 : 4 + length], names, BadBatch, "a batch's content")
    try:
        columns = _split(value["columns"], value["n"])
        cameras = _camera_names(*value["cameras"])
    except (KeyError, TypeError, ValueError, IndexError, CairnError):
        raise BadBatch("a batch's content is malformed", hint="quarantine this node") from None
    if value["n"] and (columns["camera"].max() >= len(cameras) or columns["mask"].max() > 3):
        raise BadBatch("a batch names a camera or mask state that does not exist", hint="quarantine this node")
    begin = epoch.hour * HOUR_S * 1000
    return SightingColumns(
        node=node,
        boot=boot,
        epoch=epoch,
        cameras=cameras,
        number=columns["number"],
        camera=columns["camera"],
        start=columns["start"].astype(np.int64) + begin,
        end=columns["end"].astype(np.int64) + begin,
        mask=columns["mask"],
        quality=columns["quality"],
        east_cm=columns["east"],
        north_cm=columns["north"],
        has_face=(columns["flags"] & _HAS_FACE).astype(bool),
        has_appearance=(columns["flags"] & _HAS_APPEARANCE).astype(bool),
        face=columns["face"],
        appearance=columns["appearance"],
        meetings=partial(_meetings, unread, begin),
    )


@lru_cache(4096)
def _camera_names(*names: str) -> tuple[str, ...]:
    # A node names the same cameras in every batch of a fortnight.
    return tuple(check_id(name, "camera") for name in names)


def _split(blob: memoryview, n: int) -> dict[str, npt.NDArray[Any]]:
    if type(n) is not int or len(blob) != n * _LAYOUT.itemsize:
        raise ValueError
    columns: dict[str, npt.NDArray[Any]] = {}
    at = 0
    for name, base, shape, size in _COLUMNS:
        columns[name] = np.ndarray((n, *shape), base, blob, at)
        at += size * n
    return columns


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
            _HAS_FACE * (face is not None) | _HAS_APPEARANCE * (worn is not None)
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
    return [encounter.a, encounter.b, *times, *lengths]


def _meetings(unread: memoryview, begin_ms: int) -> npt.NDArray[np.int64]:
    """Encounters int64 [k, 6], with times as Unix milliseconds."""
    key = pack("encounters")
    try:
        if unread[: len(key)] != key:
            raise ValueError
        rows = unpack(bytes(unread[len(key) :]), BadBatch, "a batch's encounters")
        met = np.array(rows, np.int64).reshape(len(rows), 6)
    except (TypeError, ValueError, OverflowError):
        raise BadBatch("a batch's encounters are malformed", hint="quarantine this node") from None
    if (np.abs(met[:, 2:4]) > _DAY_MS).any() or (met < 0)[:, [0, 1, 4, 5]].any():
        raise BadBatch("an encounter has a number out of range", hint="quarantine this node")
    met[:, 2:4] += begin_ms
    return met
