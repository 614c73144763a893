"""Read a scenario folder, strictly: what is missing, malformed or contradictory is refused with its file and line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from central.replay.patients import Known, read_patients
from central.replay.scenario import VERSION, Encounters, Float32, Floats, Ints, Outage, Scenario, Sightings
from central.replay.tables import Table, bad, moment, read_json, read_vectors
from central.routes.camera_graph import CameraPlace
from shared.cells import neighbours
from shared.clock import from_unix
from shared.errors import CairnError
from shared.face_mask import FaceMask
from shared.ids import check_id

MOST_CAMERAS_A_CELL = 256  # a batch numbers its cameras in one byte
_LONGEST_S = 86_400.0  # a batch holds no time further from its hour
_BRIDGED_S = 5.0
_CAMERA_FIELDS = ("camera_id", "latitude", "longitude", "indoor", "cell")
_SIGHTING_FIELDS = (
    "sighting_id", "camera_id", "start", "end", "face", "appearance", "mask", "quality", "east_m", "north_m",
)  # fmt: skip
_ENCOUNTER_FIELDS = ("sighting_a", "sighting_b", "start", "end", "min_distance_m")


@dataclass(frozen=True, slots=True)
class _Head:
    name: str
    start: datetime
    end: datetime
    face_model: str
    appearance_model: str


def read_scenario(folder: Path) -> Scenario:
    """Raises BadScenario, which names the file, the line, and what to do. Unknown files are ignored."""
    if not folder.is_dir():
        raise bad(folder, "is no folder", "give the folder that holds scenario.json")
    head = _head(folder / "scenario.json")
    cameras = read_cameras(folder / "cameras.csv")
    faces, appearances = (read_vectors(folder / f"{name}.npy") for name in ("faces", "appearances"))
    references = read_vectors(folder / "reference_faces.npy")
    if references.shape[1] != faces.shape[1]:
        raise bad(folder / "reference_faces.npy", "has other width than faces.npy", "use one face model")
    index = {place.camera: row for row, place in enumerate(cameras)}
    sightings = _sightings(folder / "sightings.csv", head, index, (faces, appearances))
    rows = {name: row for row, name in enumerate(sightings.names)}
    known = Known(head.start, head.end, rows, len(references), len(appearances))
    return Scenario(
        name=head.name,
        start=head.start,
        end=head.end,
        face_model=head.face_model,
        appearance_model=head.appearance_model,
        cameras=cameras,
        outages=_outages(folder / "outages.csv", index),
        sightings=sightings,
        encounters=_encounters(folder / "encounters.csv", sightings, rows),
        patients=read_patients(folder / "patients.json", known),
        faces=faces,
        appearances=appearances,
        references=references,
    )


def _head(path: Path) -> _Head:
    value = read_json(path)
    if not isinstance(value, dict) or value.get("version") != VERSION:
        raise bad(path, "is no scenario of a known version", f'write an object with "version": {VERSION}')
    try:
        name, models = value["name"], [check_id(value[f"{kind}_model"], "model") for kind in ("face", "appearance")]
        head = _Head(name, *_window(value), *models)
    except KeyError as error:
        raise bad(path, f"lacks {error.args[0]}", "see the format") from None
    except CairnError as error:
        raise bad(path, error.message, error.hint) from None
    except ValueError:
        raise bad(path, "start or end is no time", "write ISO-8601 in UTC, such as 2026-11-24T09:00:00Z") from None
    if not isinstance(name, str) or not head.start < head.end:
        raise bad(path, "has no name, or ends before it starts", "give a name, and an end after the start")
    return head


def _window(value: Mapping[str, Any]) -> tuple[datetime, datetime]:
    return moment(value["start"]), moment(value["end"])


def read_cameras(path: Path) -> tuple[CameraPlace, ...]:
    """A folder's cameras.csv. Raises BadScenario."""
    table = Table(path, _CAMERA_FIELDS)
    names = table.names("camera_id", "a camera that was moved gets a new name at its new place")
    table.each("camera_id", lambda name: check_id(name, "camera"), "use lower-case letters, digits and hyphens")
    latitude, longitude = table.numbers("latitude", -90, 90), table.numbers("longitude", -180, 180)
    indoor = table.each("indoor", {"0": False, "1": True}.__getitem__, "write 0 or 1")
    cells = table.each("cell", lambda cell: check_id(cell, "cell") if cell else "", "use a name, or leave it empty")
    if not names:
        raise bad(path, "names no camera", "write one line a camera")
    given = zip(names, latitude.tolist(), longitude.tolist(), indoor, cells, strict=True)
    cameras = _with_cells([CameraPlace(*one) for one in given])
    crowded = (
        {cell for cell in cells if cells.count(cell) > MOST_CAMERAS_A_CELL} if len(set(cells)) < len(cells) else ()
    )
    for row, camera in enumerate(cameras):
        if camera.cell in crowded:
            table.refuse(row, f"cell {camera.cell} has over {MOST_CAMERAS_A_CELL} cameras", "use smaller cells")
    return cameras


def _with_cells(cameras: list[CameraPlace]) -> tuple[CameraPlace, ...]:
    """Cameras without a cell get one of neighbours, as the inventory does it."""
    taken = {camera.cell for camera in cameras if camera.cell}
    names = (name for number in range(len(cameras) + len(taken)) if (name := f"cell-{number:04d}") not in taken)
    groups = neighbours([camera for camera in cameras if not camera.cell])
    cells = {one.camera: name for group, name in zip(groups, names, strict=False) for one in group}
    return tuple(replace(camera, cell=camera.cell or cells[camera.camera]) for camera in cameras)


def _outages(path: Path, cameras: Mapping[str, int]) -> tuple[Outage, ...]:
    if not path.exists():
        return ()
    table = Table(path, ("camera_id", "start", "end"))
    table.known("camera_id", cameras, "a camera of cameras.csv")
    start, end = table.numbers("start", 0), table.numbers("end", 0)
    table.refuse_any(end <= start, "an outage ends before it starts", "write start before end, Unix seconds")
    times = zip(table.text("camera_id"), start.tolist(), end.tolist(), strict=True)
    return tuple(Outage(camera, from_unix(a), from_unix(b)) for camera, a, b in times)


def _sightings(path: Path, head: _Head, cameras: Mapping[str, int], vectors: tuple[Float32, Float32]) -> Sightings:
    table = Table(path, _SIGHTING_FIELDS)
    start, end = table.numbers("start"), table.numbers("end")
    outside = (start < head.start.timestamp()) | (start > head.end.timestamp())
    table.refuse_any(outside, "starts outside the scenario", "write Unix seconds: UTC, no milliseconds")
    odd = (end < start) | (end - start > _LONGEST_S)
    table.refuse_any(odd, "ends before it starts, or a day later", "write the end of one track, Unix seconds")
    place = np.stack([table.numbers(name, blank=True) for name in ("east_m", "north_m")], axis=1)
    half = np.isnan(place).sum(axis=1) == 1
    table.refuse_any(half, "gives only one of east_m and north_m", "give both or none")
    return Sightings(
        names=table.names("sighting_id"),
        camera=table.known("camera_id", cameras, "a camera of cameras.csv"),
        start=start,
        end=end,
        face=table.rows("face", len(vectors[0])),
        appearance=table.rows("appearance", len(vectors[1])),
        mask=np.array(table.each("mask", _mask, "write worn, incorrect, absent or unknown"), np.uint8),
        quality=table.numbers("quality", 0, 1),
        place=place,
    )


def _mask(label: str) -> int:
    return int(FaceMask.from_label(label))


def _encounters(path: Path, sightings: Sightings, rows: Mapping[str, int]) -> Encounters:
    table = Table(path, _ENCOUNTER_FIELDS)
    a, b = (table.known(f"sighting_{side}", rows, "a sighting of sightings.csv") for side in "ab")
    table.refuse_any(a == b, "joins a sighting with itself", "name two sightings")
    table.refuse_any(sightings.camera[a] != sightings.camera[b], "joins two cameras", "name sightings of one camera")
    start, end = table.numbers("start"), table.numbers("end")
    _check_times(table, sightings, (a, b), (start, end))
    return Encounters(a, b, start, end, table.numbers("min_distance_m", 0, 1000))


def _check_times(table: Table, sightings: Sightings, pair: tuple[Ints, Ints], times: tuple[Floats, Floats]) -> None:
    """An encounter lies where both of its sightings do, give or take what trackers bridge."""
    start, end = times
    earliest = np.maximum(sightings.start[pair[0]], sightings.start[pair[1]]) - _BRIDGED_S
    latest = np.minimum(sightings.end[pair[0]], sightings.end[pair[1]]) + _BRIDGED_S
    wrong = (end < start) | (start < earliest) | (end > latest)
    table.refuse_any(wrong, "lies outside its sightings", "write when both were in view, Unix seconds")
