"""Sightings as columns: the plain content of a batch, laid out so that opening is a handful of array views."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from shared.codes import APPEARANCE_BITS, FACE_BITS
from shared.encounters import DAY_MS, encounters_to_bytes
from shared.epochs import Epoch
from shared.errors import BadBatch, CairnError
from shared.face_mask import FaceMask
from shared.ids import check_id
from shared.layout import ROW_BYTES, Stacked, blob_of
from shared.sighting_columns import SightingColumns
from shared.sightings import HAS_APPEARANCE, HAS_FACE, NOWHERE, REACHES_M, Encounter, Sighting
from shared.wire import pack, unpack, unpack_first

_LENGTH_BYTES = 4  # of the content, before the content and its padding


def columns_to_bytes(epoch: Epoch, sightings: Sequence[Sighting], encounters: Sequence[Encounter]) -> bytes:
    """CBOR {cameras, n, columns, encounters}; times are milliseconds from the epoch's start."""
    cameras = sorted({sighting.camera for sighting in sightings})
    blob = blob_of(_values(epoch, sightings, cameras))
    met = encounters_to_bytes([_encounter_row(encounter, epoch) for encounter in encounters])
    return pack({"cameras": cameras, "n": len(sightings), "columns": blob, "encounters": met})


def columns_from_bytes(plain: bytes, node: str, boot: int, epoch: Epoch) -> SightingColumns:
    """Undo columns_to_bytes and the padding around it. Raises BadBatch."""
    laid = _laid(memoryview(plain))
    columns = SightingColumns(node, boot, epoch, laid.cameras, laid.n, laid.blob, laid.unread)
    if senseless([columns]):
        raise not_known()
    return columns


def senseless(some: Sequence[SightingColumns]) -> set[int]:
    """The places of batches that name a camera or mask state that does not exist; nearly always none."""
    stacked = Stacked([one.blob for one in some])
    cameras = np.array([len(one.cameras) for one in some], np.int64)
    wrong = stacked.column("camera") >= np.repeat(cameras, stacked.sizes)
    wrong |= stacked.column("mask") >= len(FaceMask)
    return set(stacked.batch[wrong].tolist()) if wrong.any() else set()


def not_known() -> BadBatch:
    """What such a batch is refused with."""
    return BadBatch("a batch names a camera or mask state that does not exist", hint="quarantine this node")


class _Laid(NamedTuple):
    """What a content consists of: rows, cameras, columns, and the encounters' entry, still to be read."""

    n: int
    cameras: tuple[str, ...]
    blob: memoryview
    unread: memoryview


class ColumnReader:
    """Reads one batch after the other of nodes that name the same cameras in each, as nodes do: what comes before the
    columns then is known, and is compared. Which cameras and mask states are named in the rows is not looked at."""

    def __init__(self) -> None:
        self._cameras: dict[str, tuple[bytes, tuple[str, ...]]] = {}

    def read(self, plain: memoryview, people: int, node: str, boot: int, epoch: Epoch) -> SightingColumns:
        """The columns of a content with `people` rows. Raises BadBatch."""
        raw, names = self._cameras.get(node, (b"", ()))
        if ROW_BYTES * people <= len(plain):  # or else a header may say anything
            head = _head(raw, people)
            begin, end = _LENGTH_BYTES + len(head), _LENGTH_BYTES + int.from_bytes(plain[:_LENGTH_BYTES], "big")
            after = begin + ROW_BYTES * people
            if after <= end <= len(plain) and plain[_LENGTH_BYTES:begin] == head:
                return SightingColumns(node, boot, epoch, names, people, plain[begin:after], plain[after:end])
        laid = _laid(plain)
        if laid.n != people:
            raise BadBatch("a batch holds another number of sightings than it says", hint="quarantine this node")
        self._cameras[node] = pack(list(laid.cameras)), laid.cameras
        return SightingColumns(node, boot, epoch, laid.cameras, laid.n, laid.blob, laid.unread)


@lru_cache(4096)
def _head(cameras: bytes, n: int) -> bytes:
    """What a content of n rows begins with, when its cameras are packed so; no other spelling is canonical."""
    length = ROW_BYTES * n
    blob = pack(bytes(length))[:-length] if length else pack(b"")
    return b"\xa4" + pack("n") + pack(n) + pack("cameras") + cameras + pack("columns") + blob


def _laid(plain: memoryview) -> _Laid:
    length = int.from_bytes(plain[:_LENGTH_BYTES], "big")
    if len(plain) < _LENGTH_BYTES or length > len(plain) - _LENGTH_BYTES:
        raise BadBatch("a batch's content is cut short", hint="quarantine this node")
    content = plain[_LENGTH_BYTES : _LENGTH_BYTES + length]
    value, unread = unpack_first(content, ("n", "cameras", "columns"), BadBatch, "a batch's content")
    n, cameras, blob = value["n"], value["cameras"], value["columns"]
    if type(n) is not int or n < 0 or not isinstance(cameras, list) or len(blob) != n * ROW_BYTES:
        raise BadBatch("a batch's content is malformed", hint="quarantine this node")
    return _Laid(n, _camera_names(pack(cameras)), blob, unread)


@lru_cache(4096)
def _camera_names(raw: bytes) -> tuple[str, ...]:
    try:
        return tuple(check_id(name, "camera") for name in unpack(raw, BadBatch, "a batch's cameras"))
    except (TypeError, CairnError):
        raise BadBatch("a batch's content is malformed", hint="quarantine this node") from None


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
    if not -DAY_MS <= offset <= DAY_MS:
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
