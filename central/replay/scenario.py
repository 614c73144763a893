"""A scenario in memory: what cameras reported, what is asked, and the truth. In columns, because it is large."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import numpy.typing as npt

from central.routes.camera_graph import CameraPlace

VERSION = 1

Floats = npt.NDArray[np.float64]
Float32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Outage:
    """A camera that saw nothing for a while."""

    camera: str
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, eq=False)
class Sightings:
    """One row a sighting. `camera` is a row of the scenario's cameras, `face` and `appearance` rows of its embeddings
    or -1; times are Unix seconds; `place` [n, 2] metres east and north of the camera, NaN where not measured."""

    names: tuple[str, ...] = field(repr=False)
    camera: Ints
    start: Floats
    end: Floats
    face: Ints
    appearance: Ints
    mask: npt.NDArray[np.uint8]
    quality: Floats
    place: Floats

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True, eq=False)
class Encounters:
    """Pairs of sightings, by row."""

    a: Ints
    b: Ints
    start: Floats
    end: Floats
    min_distance_m: Floats

    def __len__(self) -> int:
        return len(self.a)


@dataclass(frozen=True, slots=True)
class Statement:
    """Where the patient says to have been (degrees), and when."""

    latitude: float
    longitude: float
    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True)
class Patient:
    """Who is searched for, with which consent, and the truth: rows of sightings that are the patient's, and by preset
    one entry a contact person, the rows of that person's sightings that count."""

    patient: str
    faces: tuple[int, ...]
    appearance: int | None
    consent: tuple[str, ...]
    window: tuple[datetime, datetime]
    testimony: tuple[Statement, ...]
    truth: frozenset[int] = field(repr=False)
    contacts: Mapping[str, tuple[frozenset[int], ...]] = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Scenario:
    """A whole folder, checked: every row and name that it refers to exists."""

    name: str
    start: datetime
    end: datetime
    face_model: str
    appearance_model: str
    cameras: tuple[CameraPlace, ...]
    outages: tuple[Outage, ...]
    sightings: Sightings
    encounters: Encounters
    patients: tuple[Patient, ...]
    faces: Float32 = field(repr=False)
    appearances: Float32 = field(repr=False)
    references: Float32 = field(repr=False)
