"""A city as a scenario folder, the one format that replays, tests, benchmarks and outside evaluators share."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from itertools import chain
from pathlib import Path

import numpy as np
import numpy.typing as npt

from shared.calibration.curves import Calibration
from shared.calibration.files import calibration_to_map
from shared.face_mask import FaceMask
from tests.city.cameras import Cameras
from tests.city.city import City
from tests.city.clothes import clothes_vectors
from tests.city.faces import face_vectors, is_covered, reference_vectors
from tests.city.laws import calibration
from tests.city.patients import Patient
from tests.city.plan import CityPlan
from tests.city.streets import Bools, Floats
from tests.city.watching import Encounters, Outages, Sightings

Float32 = npt.NDArray[np.float32]


SIMULATED = "simulated, with distances as measured on people"
INVENTED = "invented sites, clustered on random hills"
SHIPPED = "calibration-shipped.json"


def sighting_name(row: int) -> str:
    """What a scenario calls a sighting."""
    return f"s{row:07d}"


def write_scenario(
    city: City, folder: Path, tell: Callable[[str], None] = lambda _: None, laws: Calibration | None = None
) -> Path:
    """Write every file of the format, and how distances are read; what stood there is replaced. Returns the folder.

    With `laws` of its own a city also gets, beside them, those that ship.
    """
    folder.mkdir(parents=True, exist_ok=True)
    shipped = calibration(city.plan)
    made_of = {"cameras": INVENTED, "faces": city.real.about if city.real else SIMULATED}
    made_of |= {"calibration": (laws or shipped).name}
    write_json(folder / "scenario.json", scenario(city.plan) | {"made_of": made_of})
    write_places(folder, city.plan, city.cameras, city.outages)
    tell("embeddings")
    _write_vectors(folder / "faces.npy", int(city.sightings.has_face.sum()), city.plan.face_dimensions, faces(city))
    pictures = [patient.person for patient in city.patients if patient.full_length_picture]
    rows = int(city.sightings.has_clothes.sum()) + len(pictures)
    _write_vectors(folder / "appearances.npy", rows, city.plan.appearance_dimensions, clothes(city, pictures))
    np.save(folder / "reference_faces.npy", references(city))
    tell("sightings and encounters")
    lines = sighting_rows(city.plan, camera_names(city.cameras), city.sightings, (0, 0, 0))
    _write_csv(folder / "sightings.csv", SIGHTING_FIELDS, lines)
    _write_csv(folder / "encounters.csv", ENCOUNTER_FIELDS, encounter_rows(city.plan, city.encounters))
    write_json(folder / "calibration.json", calibration_to_map(laws or shipped))
    if laws is not None:
        write_json(folder / SHIPPED, calibration_to_map(shipped))
    write_json(folder / "patients.json", patient_maps(city.plan, city.patients, int(city.sightings.has_clothes.sum())))
    return folder


def write_places(folder: Path, plan: CityPlan, cameras: Cameras, outages: Outages) -> None:
    """Cameras, and when they were out."""
    _write_csv(folder / "cameras.csv", ("camera_id", "latitude", "longitude", "indoor", "cell"), _cameras(cameras))
    _write_csv(folder / "outages.csv", ("camera_id", "start", "end"), _outages(plan, cameras, outages))


def camera_names(cameras: Cameras) -> list[str]:
    return [place.camera for place in cameras.places]


SIGHTING_FIELDS = (
    "sighting_id", "camera_id", "start", "end", "face", "appearance", "mask", "quality", "east_m", "north_m",
)  # fmt: skip
ENCOUNTER_FIELDS = ("sighting_a", "sighting_b", "start", "end", "min_distance_m")


def faces(city: City) -> Iterator[Float32]:
    """Vectors of all sightings with a face, in their order, in portions."""
    if city.real is not None:
        return iter([city.real.vectors])
    seen = city.sightings.take(city.sightings.has_face)
    covered = is_covered(city.tracks.mask[seen.track])
    return face_vectors(city.plan, city.identities, seen.person, covered, seen.quality)


def clothes(city: City, pictures: Sequence[int] = ()) -> Iterator[Float32]:
    """Vectors of all sightings with clothes, in their order, then those of the full-length pictures of `pictures`."""
    seen = city.sightings.take(city.sightings.has_clothes)
    person = np.concatenate([seen.person, np.array(pictures, np.int64)])
    start = np.concatenate([seen.start, np.zeros(len(pictures))])
    return clothes_vectors(city.plan, person, start)


def references(city: City) -> Float32:
    """Two rows a patient: without a mask and with one."""
    if not city.patients:
        return np.zeros((0, city.plan.face_dimensions), np.float32)
    if city.real is not None:
        return city.real.references
    return reference_vectors(city.plan, city.identities, [patient.person for patient in city.patients])


def scenario(plan: CityPlan) -> dict[str, object]:
    return {
        "version": 1,
        "name": f"Simulated city, {plan.cameras:,} cameras and {plan.people:,} people, seed {plan.seed}",
        "start": plan.start.isoformat(),
        "end": plan.end.isoformat(),
        "face_model": plan.face_model,
        "appearance_model": plan.appearance_model,
    }


def _cameras(cameras: Cameras) -> Iterator[tuple[object, ...]]:
    for p in cameras.places:
        yield p.camera, f"{p.latitude:.7f}", f"{p.longitude:.7f}", int(p.indoor), p.cell


def _outages(plan: CityPlan, cameras: Cameras, out: Outages) -> Iterator[tuple[object, ...]]:
    begin = plan.start.timestamp()
    for camera, start, end in zip(out.camera, out.start, out.end, strict=True):
        yield cameras.places[camera].camera, f"{begin + start:.3f}", f"{begin + end:.3f}"


def sighting_rows(
    plan: CityPlan, names: Sequence[str], seen: Sightings, first: tuple[int, int, int]
) -> Iterator[tuple[object, ...]]:
    """Lines of sightings.csv; `names` are the cameras'. `first` are the numbers that the first sighting, face and set
    of clothes get."""
    masks = [mask.label for mask in FaceMask]
    begin = plan.start.timestamp()
    columns: list[Iterable[object]] = [
        map(sighting_name, range(first[0], first[0] + len(seen))),
        (names[camera] for camera in seen.camera.tolist()),
        _seconds(begin, seen.start),
        _seconds(begin, seen.end),
        _rows(seen.has_face, first[1]),
        _rows(seen.has_clothes, first[2]),
        (masks[mask] for mask in seen.mask.tolist()),
        *(map("{:.3f}".format, seen.quality.tolist()),),
        *(map("{:.2f}".format, side.tolist()) for side in seen.place.T),
    ]
    return zip(*columns, strict=True)


def encounter_rows(plan: CityPlan, met: Encounters) -> Iterator[tuple[object, ...]]:
    """Lines of encounters.csv."""
    begin = plan.start.timestamp()
    names = (map(sighting_name, side.tolist()) for side in (met.a, met.b))
    times = _seconds(begin, met.start), _seconds(begin, met.end)
    return zip(*names, *times, map("{:.2f}".format, met.min_distance_m.tolist()), strict=True)


def patient_maps(plan: CityPlan, patients: Sequence[Patient], pictures_from: int) -> list[dict[str, object]]:
    """Entries of patients.json; rows of appearances.npy from `pictures_from` on are full-length pictures."""
    pictured = np.cumsum([0, *(patient.full_length_picture for patient in patients)])
    return [_patient(plan, k, patient, pictures_from + int(pictured[k])) for k, patient in enumerate(patients)]


def _patient(plan: CityPlan, k: int, patient: Patient, picture: int) -> dict[str, object]:
    def when(seconds: float) -> str:
        return (plan.start + timedelta(seconds=seconds)).isoformat()

    return {
        "patient_id": f"patient-{k + 1}",
        "faces": [2 * k, 2 * k + 1],
        "appearance": picture if patient.full_length_picture else None,
        "consent": ["face", "appearance"],
        "window": [plan.start.isoformat(), plan.end.isoformat()],
        "testimony": [
            {"latitude": s.latitude, "longitude": s.longitude, "start": when(s.start), "end": when(s.end)}
            for s in patient.testimony
        ],
        "truth_sightings": [sighting_name(row) for row in patient.sightings],
        "truth_contacts": {
            preset: [[sighting_name(row) for row in rows] for rows in contacts]
            for preset, contacts in patient.contacts.items()
        },
    }


def _rows(has: Bools, first: int) -> Iterable[int]:
    """Each sighting's row in the vectors' file, or -1."""
    return np.where(has, first + np.cumsum(has) - 1, -1).tolist()  # type: ignore[no-any-return]


def _seconds(begin: float, seconds: Floats) -> Iterator[str]:
    return map("{:.3f}".format, (begin + seconds).tolist())


def _write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(chain([head], rows))


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _write_vectors(path: Path, rows: int, dimensions: int, portions: Iterator[Float32]) -> None:
    """Portion by portion, so that a large city's vectors never lie in memory at once."""
    with path.open("wb") as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (rows, dimensions)}
        np.lib.format.write_array_header_1_0(file, header)
        for portion in portions:
            file.write(np.ascontiguousarray(portion, "<f4").tobytes())
