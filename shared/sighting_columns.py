"""The opened content of one batch as arrays, each made when somebody asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.clock import from_unix
from shared.encounters import encounter, encounters_from
from shared.epochs import HOUR_S, Epoch
from shared.face_mask import FaceMask
from shared.layout import column_of
from shared.sightings import HAS_APPEARANCE, HAS_FACE, NOWHERE, Encounter, Sighting


@dataclass(slots=True, eq=False)
class SightingColumns:
    """n rows, of which `blob` is the memory; times are Unix milliseconds, positions centimetres.

    A search opens millions of batches, looks at the faces of each, and at the rest only beside a hit. `unread` is where
    the encounters lie, for who reads those of many batches together. Not frozen, which would cost more to make than all
    that a search does with most of them; nobody changes one.
    """

    node: str
    boot: int
    epoch: Epoch
    cameras: tuple[str, ...]
    people: int
    blob: memoryview = field(repr=False)
    unread: memoryview = field(repr=False)

    def column(self, name: str) -> npt.NDArray[Any]:
        """A column as it lies in the batch."""
        return column_of(self.blob, self.people, name)

    def meetings(self) -> npt.NDArray[np.int64]:
        """The encounters, int64 [k, 11] of a, b, start, end, smallest distance, its error, and milliseconds within each
        of REACHES_M or -1. Raises BadBatch."""
        return encounters_from(self.unread, self.epoch.hour * HOUR_S * 1000)

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


def _metres(cm: np.int16) -> float | None:
    return None if cm == NOWHERE else float(cm) / 100
