"""Films of people whose faces come from photos, and what boxes saw in them, written as a scenario folder."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from edge.cameras.replay import ReplayCamera
from edge.geometry.ground_plane import GroundPlane
from edge.model_vision import ModelVision
from edge.pipeline import Pipeline
from edge.registered_photos import CannotRegister, only_face, read_picture
from edge.sightings import EndedTrack
from edge.vision import MODELS
from tests.demo.bodies import Build, Clothes
from tests.demo.clips import Film, record
from tests.demo.heads import Head, cut_head
from tests.demo.looking import Seen
from tests.demo.scene import Look, View
from tests.demo.walkers import Person, Step, Walk

BEGIN: Final = datetime(2026, 11, 25, 3, 5, tzinfo=UTC)
BETWEEN: Final = timedelta(minutes=6)  # how much later the next camera's film begins
_EVERY_S, _PACE, _FAR, _NEAR = 1.4, 1.25, 9.6, 2.7
_LANES: Final = (-1.0, 0.35, -0.35, 1.0)
_LANE_HALF_M: Final = 0.35
_VIEW: Final = View()
_PLACES: Final = (
    Look((150, 146, 140), 0.6, (150, 120, 100), 11.0, ((-4.0, -2.0, 0.0, 2.4, (60, 70, 80)),), seed=11),
    Look((120, 124, 130), 0.5, (190, 196, 190), 11.0, ((0.6, 4.4, 0.6, 2.4, (110, 140, 140)),), seed=12),
    Look((150, 140, 124), 0.8, (126, 104, 92), 12.0, ((-1.0, 1.2, 0.0, 2.3, (50, 44, 40)),), sun_side=-0.2, seed=13),
)


@dataclass(frozen=True, slots=True)
class Passer:
    """Somebody who passes one camera, with the face of one photo."""

    name: str
    photo: Path


@dataclass(frozen=True, slots=True)
class Plan:
    """`patients`: the photos of each, the first to register and one more for each camera; `others`: one photo each."""

    patients: Mapping[str, Sequence[Path]]
    others: Mapping[str, Path]


@dataclass(frozen=True, slots=True)
class Sighted:
    """A track and whose it is; `name` is empty where nobody was there."""

    camera: int
    name: str
    track: EndedTrack = field(repr=False)


def choose(photos: Path, patients: int, others: int, vision: ModelVision) -> Plan:
    """People in order of name: patients of whom there are enough photos, others of whom there is at least one.

    A photo that registration refuses, such as one with two faces, is not the one that is registered.
    """
    folders = sorted(folder for folder in photos.iterdir() if folder.is_dir())
    of_each = {folder.name: sorted(folder.iterdir()) for folder in folders}
    needed = len(_PLACES) + 1
    chosen = [name for name, several in of_each.items() if len(several) >= needed][:patients]
    rest = [name for name in of_each if name not in chosen][:others]
    registered = {name: _register_first(of_each[name], vision)[:needed] for name in chosen}
    return Plan(registered, {name: of_each[name][0] for name in rest})


def _register_first(photos: Sequence[Path], vision: ModelVision) -> list[Path]:
    """The photos, the first that can be registered before all others. Raises CannotRegister when none can."""
    for photo in photos:
        try:
            only_face(photo, vision)
        except CannotRegister:
            continue
        return [photo, *(other for other in photos if other != photo)]
    raise CannotRegister(f"no photo in {photos[0].parent.name} can be registered", hint="choose somebody else")


def passers(plan: Plan) -> list[list[Passer]]:
    """Who passes each camera, patients spread among the others."""
    shares: list[list[Passer]] = [[] for _ in _PLACES]
    for at, (name, photo) in enumerate(plan.others.items()):
        shares[at % len(shares)].append(Passer(name, photo))
    for camera, share in enumerate(shares):
        step = len(share) // max(1, len(plan.patients))
        for at, (name, photos) in enumerate(plan.patients.items()):
            share.insert(at * (step + 1), Passer(name, photos[camera + 1]))
    return shares


def head_of(photo: Path, vision: ModelVision) -> Head | None:
    """The face in the middle of a photo, with some hair around it; none where none is found."""
    rgb = read_picture(photo)
    middle = np.array(rgb.shape[1::-1]) / 2
    faces = vision.find_faces(rgb)
    if not faces:
        return None
    face = min(faces, key=lambda face: float(np.linalg.norm(face.landmarks[:2].mean(axis=0) - middle)))
    left, right, _, mouth = ((float(x), float(y)) for x, y in face.landmarks[:4])
    return cut_head(rgb, _oval(face.landmarks), (left, right), mouth)


def _oval(landmarks: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """An outline from above the brow to below the chin, turned as the face is."""
    eyes, mouth = landmarks[:2].mean(axis=0), landmarks[3]
    right, down = landmarks[1] - landmarks[0], mouth - eyes
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)[:, None]
    return np.asarray(eyes + 0.2 * down + np.cos(angle) * right * 1.35 + np.sin(angle) * down * 1.8, np.float64)


def film_of(camera: int, passing: Sequence[Passer], vision: ModelVision) -> Film:
    """Everybody comes towards the camera, one after the other, in four lanes."""
    walks: list[Walk] = []
    for passer in passing:
        if head := head_of(passer.photo, vision):
            walks.append(_walk(len(walks), passer.name, head))
    seconds = walks[-1].steps[-1].at_s + 1
    return Film(f"camera-{camera}", _VIEW, _PLACES[camera], tuple(walks), seconds)


def _walk(place: int, name: str, head: Head) -> Walk:
    rng = np.random.default_rng(place * 7 + len(name))
    top, legs = (tuple(float(c) for c in rng.uniform(30, 210, 3)) for _ in range(2))
    clothes = Clothes((top[0], top[1], top[2]), (legs[0], legs[1], legs[2]), coat_m=float(rng.choice([0.0, 0.15])))
    person = Person(name, head, clothes, Build(float(rng.uniform(1.58, 1.86)), float(rng.uniform(0.95, 1.12))))
    side, at = _LANES[place % len(_LANES)], place * _EVERY_S
    return Walk(person, (Step(at, side, _FAR), Step(at + (_FAR - _NEAR) / _PACE, side * 0.8, _NEAR)))


def watch(camera: int, film: Film, path: Path, vision: ModelVision) -> list[Sighted]:
    """Record a film and look at it as a box does."""
    record(film, path, seed=camera)
    seen, start = Seen(), BEGIN + camera * BETWEEN
    plane = GroundPlane(_VIEW.height_m, _VIEW.tilt_deg, _VIEW.focal_px)
    Pipeline(ReplayCamera(film.name, path, start, film.fps), vision, seen, plane).run()
    return [Sighted(camera, _owner(film, track, start), track) for track in seen.tracks]


def _owner(film: Film, track: EndedTrack, start: datetime) -> str:
    """Whoever walked in that lane for most of the track's time; those of one lane never overlap in time."""
    if track.ground is None:
        return ""
    first, last = ((moment - start).total_seconds() for moment in (track.start, track.end))
    shared = {
        walk.person.name: min(last, walk.steps[-1].at_s) - max(first, walk.steps[0].at_s)
        for walk in film.walks
        if abs(walk.steps[0].right_m * 0.9 - track.ground.east_m) < _LANE_HALF_M
    }
    longest = max(shared, key=lambda name: shared[name], default="")
    return longest if longest and shared[longest] > (last - first) / 2 else ""


def write_scenario(folder: Path, plan: Plan, sighted: Sequence[Sighted], vision: ModelVision) -> None:
    """What the boxes saw, who was registered, and who really was where: see central/replay/README.md."""
    folder.mkdir()
    end = BEGIN + BETWEEN * (len(_PLACES) + 1)
    head = {"version": 1, "name": "walk past", "start": BEGIN.isoformat(), "end": end.isoformat()}
    models = {"face_model": MODELS["face"], "appearance_model": MODELS["appearance"]}
    (folder / "scenario.json").write_text(json.dumps(head | models))
    cameras = [[f"camera-{at}", 37.5 + 0.003 * at, 127.0, 0, "cell-1"] for at in range(len(_PLACES))]
    _table(folder / "cameras.csv", ["camera_id", "latitude", "longitude", "indoor", "cell"], cameras)
    _table(folder / "encounters.csv", ["sighting_a", "sighting_b", "start", "end", "min_distance_m"], [])
    names = ["sighting_id", "camera_id", "start", "end", "face", "appearance", "mask", "quality", "east_m", "north_m"]
    faces, clothes = Vectors(), Vectors()
    _table(folder / "sightings.csv", names, _rows(sighted, faces, clothes))
    np.save(folder / "faces.npy", np.stack(faces.rows))
    np.save(folder / "appearances.npy", np.stack(clothes.rows))
    references = [vision.embed_face(only_face(photos[0], vision)) for photos in plan.patients.values()]
    np.save(folder / "reference_faces.npy", np.stack(references).astype(np.float32))
    patients = [_patient(at, name, sighted, (BEGIN, end)) for at, name in enumerate(plan.patients)]
    (folder / "patients.json").write_text(json.dumps(patients))


@dataclass(slots=True)
class Vectors:
    """Rows of an array that grows; −1 stands for none."""

    rows: list[npt.NDArray[np.float32]] = field(default_factory=list)

    def add(self, vector: npt.NDArray[np.float32] | None) -> int:
        if vector is None:
            return -1
        self.rows.append(vector)
        return len(self.rows) - 1


def _rows(sighted: Sequence[Sighted], faces: Vectors, clothes: Vectors) -> Iterator[list[Any]]:
    for at, one in enumerate(sighted):
        track = one.track
        place = ["", ""] if track.ground is None else [track.ground.east_m, track.ground.north_m]
        times = [track.start.timestamp(), track.end.timestamp()]
        seen = [faces.add(track.face), clothes.add(track.appearance), track.mask.label, track.quality]
        yield [f"s-{at}", f"camera-{one.camera}", *times, *seen, *place]


def _patient(at: int, name: str, sighted: Sequence[Sighted], window: tuple[datetime, datetime]) -> dict[str, Any]:
    truth = [f"s-{row}" for row, one in enumerate(sighted) if one.name == name]
    return {
        "patient_id": f"patient-{at}",
        "faces": [at],
        "appearance": None,
        "consent": ["face"],
        "window": [moment.isoformat() for moment in window],
        "testimony": [],
        "truth_sightings": truth,
        "truth_contacts": {},
    }


def _table(path: Path, names: Sequence[str], rows: Any) -> None:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(names)
        writer.writerows(rows)
