"""What a box saw: one ended track is a sighting, two people near each other are an encounter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.clock import from_unix
from shared.epochs import HOUR_S, Epoch
from shared.errors import BadInput
from shared.face_mask import FaceMask
from shared.ids import check_id

NOWHERE = -32768  # a ground coordinate that was not measured
HAS_FACE, HAS_APPEARANCE = 1, 2  # bits of a row's flags
# Rules for contacts name distances; a box counts the seconds within each of these, and the rules stay at the centre.
REACHES_M = (1.0, 1.5, 1.83, 2.0, 3.0)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One ended track. `number` counts within (node, boot); positions are metres from the camera, within ±327 m."""

    number: int
    camera: str
    start: datetime
    end: datetime
    face_code: bytes | None = field(repr=False)
    appearance_code: bytes | None = field(repr=False)
    mask: FaceMask = FaceMask.UNKNOWN
    quality: float = 0.0
    east_m: float | None = None
    north_m: float | None = None


@dataclass(frozen=True, slots=True)
class Encounter:
    """Two sightings of one node and boot, by number, that came near each other, and for how long.

    `near_s` are the seconds within each of REACHES_M; None in batches of schema 1, which did not count them.
    """

    a: int
    b: int
    start: datetime
    end: datetime
    min_distance_m: float
    distance_error_m: float
    near_s: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class SightingColumns:
    """The opened content of one batch as arrays of n rows; times are Unix milliseconds, positions centimetres.

    Every array is made when it is asked for: a search opens millions of batches, looks at the faces of
    each, and at the rest only beside a hit. `column(name)` is a column as it lies in the batch; `meetings()` reads the
    encounters, int64 [k, 11] of a, b, start, end, smallest distance, its error, and milliseconds within each of
    REACHES_M or -1, or raises BadBatch. `unread` is where they lie, for who reads those of many batches together.
    """

    node: str
    boot: int
    epoch: Epoch
    cameras: tuple[str, ...]
    people: int
    column: Callable[[str], npt.NDArray[Any]] = field(repr=False)
    meetings: Callable[[], npt.NDArray[np.int64]] = field(repr=False)
    unread: memoryview = field(default=memoryview(b""), repr=False)

    @property
    def number(self) -> npt.NDArray[np.uint32]:
        return self.column("number")

    @property
    def camera(self) -> npt.NDArray[np.uint8]:
        return self.column("camera")

    @property
    def start(self) -> npt.NDArray[np.int64]:
        return self.column("start").astype(np.int64) + self.epoch.hour * HOUR_S * 1000

    @property
    def end(self) -> npt.NDArray[np.int64]:
        return self.column("end").astype(np.int64) + self.epoch.hour * HOUR_S * 1000

    @property
    def mask(self) -> npt.NDArray[np.uint8]:
        return self.column("mask")

    @property
    def quality(self) -> npt.NDArray[np.uint8]:
        return self.column("quality")

    @property
    def east_cm(self) -> npt.NDArray[np.int16]:
        return self.column("east")

    @property
    def north_cm(self) -> npt.NDArray[np.int16]:
        return self.column("north")

    @property
    def has_face(self) -> npt.NDArray[np.bool_]:
        return (self.column("flags") & HAS_FACE).astype(np.bool_)

    @property
    def has_appearance(self) -> npt.NDArray[np.bool_]:
        return (self.column("flags") & HAS_APPEARANCE).astype(np.bool_)

    @property
    def face(self) -> npt.NDArray[np.uint8]:
        return self.column("face")

    @property
    def appearance(self) -> npt.NDArray[np.uint8]:
        return self.column("appearance")

    @property
    def encounters(self) -> tuple[Encounter, ...]:
        return tuple(encounter(row) for row in self.meetings().tolist())

    def __len__(self) -> int:
        return self.people

    def sighting(self, row: int) -> Sighting:
        return Sighting(
            number=int(self.number[row]),
            camera=self.cameras[self.camera[row]],
            start=from_unix(int(self.start[row]) / 1000),
            end=from_unix(int(self.end[row]) / 1000),
            face_code=self.face[row].tobytes() if self.has_face[row] else None,
            appearance_code=self.appearance[row].tobytes() if self.has_appearance[row] else None,
            mask=FaceMask(int(self.mask[row])),
            quality=int(self.quality[row]) / 255,
            east_m=_metres(self.east_cm[row]),
            north_m=_metres(self.north_cm[row]),
        )


def encounter(row: list[int]) -> Encounter:
    """The encounter in one row of SightingColumns.meetings()."""
    a, b, start, end, distance, error, *near = row
    near_s = None if near[0] < 0 else tuple(ms / 1000 for ms in near)
    return Encounter(a, b, from_unix(start / 1000), from_unix(end / 1000), distance / 100, error / 100, near_s)


def sighting_id(node: str, boot: int, number: int) -> str:
    """The name of a sighting everywhere outside its batch."""
    return f"{node}/{boot}/{number}"


def parse_sighting_id(text: str) -> tuple[str, int, int]:
    """(node, boot, number) of a sighting's name. Raises BadInput."""
    parts = text.split("/")
    if len(parts) != 3 or not parts[1].isdecimal() or not parts[2].isdecimal():
        raise BadInput(f"no sighting is named {text[:40]!r}", hint="a sighting's name looks like node/boot/number")
    return check_id(parts[0], "node"), int(parts[1]), int(parts[2])


def _metres(cm: np.int16) -> float | None:
    return None if cm == NOWHERE else float(cm) / 100
