"""A streamed city as a scenario folder, written as it comes; scenario.json last: the unfinished is no scenario."""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import IO

import numpy as np

from shared.calibration.files import calibration_to_map
from tests.city.faces import Float32
from tests.city.laws import calibration
from tests.city.plan import CityPlan
from tests.city.sites import Register
from tests.city.spill import AT_ONCE
from tests.city.stream import StreamedCity, Tell, Unit
from tests.city.write import (
    ENCOUNTER_FIELDS,
    SIGHTING_FIELDS,
    SIMULATED,
    camera_names,
    encounter_rows,
    patient_maps,
    scenario,
    sighting_rows,
    write_json,
    write_places,
)

_WORK = ".city-"
_SIGHTINGS_A_PERSON = 15  # and day
_BYTES_A_SIGHTING = 192 * 4 // 2 + 128 * 4 + 180  # half of them have a face
_BYTES_A_PERSON = 2 * (2 * 192 + 128) + _SIGHTINGS_A_PERSON * 40  # while it is made


class NoRoom(OSError):
    """The disk is too small for the city."""


def bytes_of(plan: CityPlan) -> int:
    """About how much a written city takes on disk, with what is needed while it is written."""
    return plan.people * (plan.days * _SIGHTINGS_A_PERSON * _BYTES_A_SIGHTING + _BYTES_A_PERSON)


def write_stream(
    plan: CityPlan,
    folder: Path,
    tell: Tell = lambda _: None,
    *,
    register: Register | None = None,
    at_once: int = AT_ONCE,
    work: Path | None = None,
) -> Path:
    """Write every file of the format; what stood there is replaced. `work`, or else `folder`, takes a temporary folder.
    Raises NoRoom before anything is written, and OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    _check_room(plan, folder)
    (folder / "scenario.json").unlink(missing_ok=True)
    for left in folder.glob(f"{_WORK}*"):  # by a run that was killed
        shutil.rmtree(left)
    with tempfile.TemporaryDirectory(prefix=_WORK, dir=work or folder) as name:
        city = StreamedCity(plan, Path(name), register=register, at_once=at_once, tell=tell)
        write_places(folder, plan, city.cameras, city.outages)
        with ExitStack() as stack:
            files = _Files(folder, city, stack)
            for unit in city.units():
                files.add(unit)
            files.pictures(city.pictures())
        np.save(folder / "reference_faces.npy", city.references)
        patients = patient_maps(plan, city.patients, files.clothes.rows - files.pictured)
    tell("calibration and patients")
    write_json(folder / "calibration.json", calibration_to_map(calibration(plan)))
    write_json(folder / "patients.json", patients)
    made_of = {"cameras": city.register.about, "faces": SIMULATED}
    write_json(folder / "scenario.json", scenario(plan) | {"made_of": made_of})
    return folder


def _check_room(plan: CityPlan, folder: Path) -> None:
    needed, free = bytes_of(plan), shutil.disk_usage(folder).free
    if needed > free:
        raise NoRoom(f"about {needed / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free")


class _Files:
    """The files that grow with every unit."""

    def __init__(self, folder: Path, city: StreamedCity, stack: ExitStack) -> None:
        self._plan, self._names = city.plan, camera_names(city.cameras)
        self._sightings, self._encounters = (
            _Csv(stack.enter_context((folder / name).open("w", newline="", encoding="utf-8")), fields)
            for name, fields in (("sightings.csv", SIGHTING_FIELDS), ("encounters.csv", ENCOUNTER_FIELDS))
        )
        self._faces = stack.enter_context(Vectors(folder / "faces.npy", city.plan.face_dimensions))
        self.clothes = stack.enter_context(Vectors(folder / "appearances.npy", city.plan.appearance_dimensions))
        self.pictured = 0

    def add(self, unit: Unit) -> None:
        first = unit.first, self._faces.rows, self.clothes.rows
        self._sightings.add(sighting_rows(self._plan, self._names, unit.sightings, first))
        self._encounters.add(encounter_rows(self._plan, unit.encounters))
        self._faces.add(unit.faces)
        self.clothes.add(unit.clothes)

    def pictures(self, vectors: Float32) -> None:
        self.pictured = len(vectors)
        self.clothes.add(vectors)


class _Csv:
    def __init__(self, file: IO[str], fields: Sequence[str]) -> None:
        self._writer = csv.writer(file, lineterminator="\n")
        self._writer.writerow(fields)

    def add(self, rows: Iterable[Sequence[object]]) -> None:
        self._writer.writerows(rows)


class Vectors:
    """A numpy file [rows, d] of float32 that grows: its head has room for the number of rows, which come last."""

    def __init__(self, path: Path, dimensions: int) -> None:
        self.rows, self._dimensions = 0, dimensions
        self._file = path.open("wb")
        self._head()

    def __enter__(self) -> Vectors:
        return self

    def add(self, vectors: Float32) -> None:
        self._file.write(np.ascontiguousarray(vectors, "<f4").tobytes())
        self.rows += len(vectors)

    def __exit__(self, *_: object) -> None:
        with self._file:
            self._file.seek(0)
            self._head()

    def _head(self) -> None:
        shape = self.rows, self._dimensions
        np.lib.format.write_array_header_1_0(self._file, {"descr": "<f4", "fortran_order": False, "shape": shape})
