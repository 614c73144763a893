"""Scenario folders: what was written is read back, and everything malformed is refused by file and line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from central.replay.read import read_scenario
from central.replay.scenario import Scenario
from central.replay.tables import BadScenario
from provisioning.inventory import assign_cells, read_inventory
from tests.city.city import City, make_city
from tests.city.plan import CityPlan
from tests.city.write import clothes, faces, references, write_scenario

PLAN = CityPlan(cameras=40, people=250, patients=2, seed=6, outage_share=0.2)
Spoil = Callable[[Path], None]


@pytest.fixture(scope="module")
def city() -> City:
    return make_city(PLAN)


@pytest.fixture(scope="module")
def written(city: City, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scenario(city, tmp_path_factory.mktemp("scenario"))


@pytest.fixture(scope="module")
def scenario(written: Path) -> Scenario:
    return read_scenario(written)


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "copy"))


def test_a_city_survives_its_folder(city: City, scenario: Scenario) -> None:
    """Cameras, sightings, encounters, embeddings and outages read back as they were made."""
    seen, begin = city.sightings, PLAN.start.timestamp()
    assert (scenario.start, scenario.end) == (PLAN.start, PLAN.end)
    assert [p.cell for p in scenario.cameras] == [p.cell for p in city.cameras.places]
    assert len(scenario.outages) == len(city.outages.camera) > 0
    assert np.array_equal(scenario.sightings.camera, seen.camera)
    assert np.abs(scenario.sightings.start - begin - seen.start).max() < 0.001
    assert np.array_equal(scenario.sightings.mask, seen.mask)
    assert np.abs(scenario.sightings.quality - seen.quality).max() < 0.001
    assert np.abs(scenario.sightings.place - seen.place).max() < 0.006
    assert np.array_equal(scenario.encounters.a, city.encounters.a)
    assert np.array_equal(scenario.faces, np.concatenate(list(faces(city))))
    assert np.array_equal(scenario.sightings.face >= 0, seen.has_face)
    pictures = [patient.person for patient in city.patients if patient.full_length_picture]
    assert np.array_equal(scenario.appearances, np.concatenate(list(clothes(city, pictures))))


def test_patients_survive_their_folder(city: City, scenario: Scenario) -> None:
    """Truth, contacts, window and testimony of each patient read back as they were made."""
    assert np.array_equal(scenario.references, references(city))
    for patient, made in zip(scenario.patients, city.patients, strict=True):
        assert patient.truth == frozenset(made.sightings)
        assert patient.window == (PLAN.start, PLAN.end)
        assert len(patient.testimony) == len(made.testimony)
        for preset, people in patient.contacts.items():
            assert people == tuple(frozenset(rows) for rows in made.contacts[preset])


def test_the_same_seed_writes_the_same_bytes(city: City, written: Path, tmp_path: Path) -> None:
    """A second city of the same plan gives the same files, byte for byte."""
    again = write_scenario(make_city(PLAN), tmp_path)
    assert {path.name for path in again.iterdir()} == {path.name for path in written.iterdir()}
    for path in again.iterdir():
        assert path.read_bytes() == (written / path.name).read_bytes(), path.name


def test_empty_cells_are_assigned_as_the_inventory_does(folder: Path, scenario: Scenario) -> None:
    """Cameras without a cell get the cells that an import of the same list would give."""
    change_csv("cameras.csv", "cell", lambda _: "")(folder)
    expected = [row.cell for row in assign_cells(read_inventory(folder / "cameras.csv"))]
    assert [place.cell for place in read_scenario(folder).cameras] == expected


def test_unknown_files_and_a_missing_outage_list_are_ignored(folder: Path) -> None:
    """Notes may lie in the folder, and outages are optional."""
    (folder / "notes.txt").write_text("made on a Tuesday")
    (folder / "outages.csv").unlink()
    assert read_scenario(folder).outages == ()


def test_positions_may_be_left_out(folder: Path) -> None:
    """A camera that was never calibrated gives no positions, and that is no error."""
    for name in ("east_m", "north_m"):
        change_csv("sightings.csv", name, lambda _: "")(folder)
    assert np.isnan(read_scenario(folder).sightings.place).all()


def test_lines_may_come_in_any_order(folder: Path, scenario: Scenario) -> None:
    """Sightings and encounters out of order are the same ones: each keeps its name, times and partner."""
    for name in ("sightings.csv", "encounters.csv"):
        head, *lines = (folder / name).read_text().splitlines()
        (folder / name).write_text("\n".join([head, *reversed(lines)]) + "\n")
    again = read_scenario(folder)
    assert dict(zip(again.sightings.names, again.sightings.start, strict=True)) == dict(
        zip(scenario.sightings.names, scenario.sightings.start, strict=True)
    )
    met = [
        {
            (one.sightings.names[a], one.sightings.names[b], float(start))
            for a, b, start in zip(one.encounters.a, one.encounters.b, one.encounters.start, strict=True)
        }
        for one in (scenario, again)
    ]
    assert met[0] == met[1]
    assert [len(patient.truth) for patient in again.patients] == [len(patient.truth) for patient in scenario.patients]


def test_times_may_be_given_in_another_zone(folder: Path) -> None:
    """A start with an offset is that moment, so 06:00 in Seoul is 21:00 UTC the day before."""
    seoul = timezone(timedelta(hours=9))
    change_head(start=PLAN.start.astimezone(seoul).isoformat(), end=PLAN.end.astimezone(seoul).isoformat())(folder)
    assert (read_scenario(folder).start, read_scenario(folder).end) == (PLAN.start, PLAN.end)


def test_a_moved_camera_is_told_how_to_be_written(folder: Path) -> None:
    """One name at two places is refused, and the remedy is a name for each place."""
    twice("cameras.csv", 3, "37.6")(folder)
    with pytest.raises(BadScenario) as refusal:
        read_scenario(folder)
    assert refusal.value.hint == "a camera that was moved gets a new name at its new place"


def test_a_window_may_be_unix_seconds(folder: Path) -> None:
    """A patient's window may be written as text or as numbers."""
    window = [PLAN.start.timestamp(), PLAN.end.timestamp()]
    change_patient("window", window)(folder)
    assert read_scenario(folder).patients[0].window == (PLAN.start, PLAN.end)


def change_csv(file: str, column: str, change: Callable[[str], str], line: int | None = None) -> Spoil:
    """Change a column everywhere, or in one line counted from 1."""

    def spoil(folder: Path) -> None:
        lines = [row.split(",") for row in (folder / file).read_text().splitlines()]
        at = lines[0].index(column)
        for number, row in enumerate(lines[1:], 2):
            if line is None or number == line:
                row[at] = change(row[at])
        (folder / file).write_text("\n".join(",".join(row) for row in lines) + "\n")

    return spoil


def change_patient(key: str, value: Any) -> Spoil:
    def spoil(folder: Path) -> None:
        path = folder / "patients.json"
        patients = json.loads(path.read_text())
        patients[0][key] = value
        path.write_text(json.dumps(patients))

    return spoil


def drop_patient_key(key: str) -> Spoil:
    def spoil(folder: Path) -> None:
        path = folder / "patients.json"
        patients = json.loads(path.read_text())
        del patients[1][key]
        path.write_text(json.dumps(patients))

    return spoil


def change_head(**values: Any) -> Spoil:
    def spoil(folder: Path) -> None:
        path = folder / "scenario.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return spoil


def write(file: str, text: str) -> Spoil:
    def spoil(folder: Path) -> None:
        (folder / file).write_text(text)

    return spoil


def remove(file: str) -> Spoil:
    return lambda folder: (folder / file).unlink()


def change_array(file: str, change: Callable[[np.ndarray], np.ndarray]) -> Spoil:
    def spoil(folder: Path) -> None:
        np.save(folder / file, change(np.load(folder / file)))

    return spoil


def with_nan(rows: np.ndarray) -> np.ndarray:
    rows[3, 5] = np.nan
    return rows


def cut_short(folder: Path) -> None:
    path = folder / "faces.npy"
    path.write_bytes(path.read_bytes()[:-100])


def cut_line(folder: Path) -> None:
    path = folder / "sightings.csv"
    lines = path.read_text().splitlines()
    lines[4] = lines[4][:20]
    path.write_text("\n".join(lines) + "\n")


def meet_oneself(folder: Path) -> None:
    lines = [row.split(",") for row in (folder / "encounters.csv").read_text().splitlines()]
    lines[1][1] = lines[1][0]
    (folder / "encounters.csv").write_text("\n".join(",".join(row) for row in lines) + "\n")


def swap_partner(folder: Path) -> None:
    """Join a sighting with one of another camera."""
    lines = [row.split(",") for row in (folder / "sightings.csv").read_text().splitlines()[1:]]
    met = [row.split(",") for row in (folder / "encounters.csv").read_text().splitlines()]
    camera = {row[0]: row[1] for row in lines}
    met[1][1] = next(name for name, where in camera.items() if where != camera[met[1][0]])
    (folder / "encounters.csv").write_text("\n".join(",".join(row) for row in met) + "\n")


def twice(file: str, line: int, latitude: str = "") -> Spoil:
    """Write a line a second time, for a camera at another place."""

    def spoil(folder: Path) -> None:
        lines = (folder / file).read_text().splitlines()
        fields = lines[line - 1].split(",")
        fields[1] = latitude or fields[1]
        lines.insert(line, ",".join(fields))
        (folder / file).write_text("\n".join(lines) + "\n")

    return spoil


def torn_off(folder: Path) -> None:
    """A copy that ended in the middle of a line."""
    path = folder / "sightings.csv"
    path.write_bytes(path.read_bytes()[:-25])


def hours_later(hours: int) -> Callable[[str], str]:
    return lambda seconds: f"{float(seconds) + 3600 * hours:.3f}"


SPOILT: dict[str, tuple[Spoil, str]] = {
    "no scenario": (remove("scenario.json"), r"scenario\.json: cannot be read"),
    "no cameras": (remove("cameras.csv"), r"cameras\.csv: cannot be read"),
    "no faces": (remove("faces.npy"), r"faces\.npy: cannot be read"),
    "no sightings": (remove("sightings.csv"), r"sightings\.csv: cannot be read"),
    "no encounters": (remove("encounters.csv"), r"encounters\.csv: cannot be read"),
    "no patients": (remove("patients.json"), r"patients\.json: cannot be read"),
    "no references": (remove("reference_faces.npy"), r"reference_faces\.npy: cannot be read"),
    "broken json": (write("scenario.json", '{"version": 1,\n"name": oops}'), r"scenario\.json line 2: is no JSON"),
    "nan in json": (write("scenario.json", '{"version": NaN}'), r"scenario\.json: is no JSON"),
    "list for scenario": (write("scenario.json", "[]"), r"scenario\.json: is no scenario of a known version"),
    "next version": (change_head(version=2), r"known version"),
    "naive start": (change_head(start="2026-11-19T21:00:00"), r"scenario\.json: a time has no zone"),
    "end before start": (change_head(end="2020-01-01T00:00:00Z"), r"ends before it starts"),
    "bad model": (change_head(face_model="no/such model"), r"scenario\.json: model"),
    "empty cameras": (write("cameras.csv", ""), r"cameras\.csv: is empty"),
    "only a head": (write("cameras.csv", "camera_id,latitude,longitude,indoor,cell\n"), r"names no camera"),
    "no such field": (write("cameras.csv", "camera,lat\n"), r"cameras\.csv line 1: lacks the field camera_id"),
    "camera off earth": (change_csv("cameras.csv", "latitude", lambda _: "91", 3), r"cameras\.csv line 3: latitude"),
    "latitude nan": (change_csv("cameras.csv", "latitude", lambda _: "nan", 3), r"cameras\.csv line 3: latitude"),
    "latitude word": (change_csv("cameras.csv", "latitude", lambda _: "north", 3), r"cameras\.csv line 3: latitude"),
    "indoor word": (change_csv("cameras.csv", "indoor", lambda _: "yes", 4), r"cameras\.csv line 4: indoor"),
    "camera twice": (change_csv("cameras.csv", "camera_id", lambda _: "cam-00000", 5), r"cameras\.csv line 5: camera"),
    "camera name": (change_csv("cameras.csv", "camera_id", lambda _: "Cam 7!", 5), r"cameras\.csv line 5: camera_id"),
    "camera moved": (twice("cameras.csv", 3, "37.6"), r"cameras\.csv line 4: camera_id .* stands twice"),
    "line twice": (twice("sightings.csv", 7), r"sightings\.csv line 8: sighting_id .* stands twice"),
    "torn off": (torn_off, r"sightings\.csv line \d+: has \d fields instead of 10"),
    "seoul seconds": (change_csv("sightings.csv", "start", hours_later(9)), r"sightings\.csv line \d+: starts outside"),
    "outage of nobody": (change_csv("outages.csv", "camera_id", lambda _: "cam-x", 2), r"outages\.csv line 2: camera"),
    "outage backwards": (change_csv("outages.csv", "end", lambda _: "1", 2), r"outages\.csv line 2: .* ends before"),
    "faces as doubles": (change_array("faces.npy", lambda x: x.astype(np.float64)), r"faces\.npy: has type float64"),
    "faces flat": (change_array("faces.npy", lambda x: x.reshape(-1)), r"faces\.npy: has type float32 and shape"),
    "faces with nan": (change_array("faces.npy", with_nan), r"faces\.npy: row 3 is no unit vector"),
    "faces too long": (change_array("appearances.npy", lambda x: x * 2), r"appearances\.npy: row 0 is no unit"),
    "faces cut short": (cut_short, r"faces\.npy: is no numpy array, or cut short"),
    "faces text": (write("faces.npy", "not an array"), r"faces\.npy: is no numpy array"),
    "reference width": (change_array("reference_faces.npy", lambda _: np.eye(4, 64, dtype=np.float32)), "other width"),
    "cut line": (cut_line, r"sightings\.csv line 5: has \d fields instead of 10"),
    "sighting twice": (change_csv("sightings.csv", "sighting_id", lambda _: "s0000000", 9), r"line 9: sighting_id"),
    "sighting nameless": (change_csv("sightings.csv", "sighting_id", lambda _: "", 9), r"line 9: sighting_id"),
    "sighting camera": (change_csv("sightings.csv", "camera_id", lambda _: "cam-x", 6), r"sightings\.csv line 6: cam"),
    "face nowhere": (change_csv("sightings.csv", "face", lambda _: "9999999", 6), r"sightings\.csv line 6: face po"),
    "face half": (change_csv("sightings.csv", "face", lambda _: "1.5", 6), r"sightings\.csv line 6: face is '1.5'"),
    "face minus two": (change_csv("sightings.csv", "face", lambda _: "-2", 6), r"sightings\.csv line 6: face po"),
    "mask word": (change_csv("sightings.csv", "mask", lambda _: "maybe", 7), r"sightings\.csv line 7: mask is 'maybe'"),
    "quality two": (change_csv("sightings.csv", "quality", lambda _: "2", 7), r"sightings\.csv line 7: quality"),
    "start infinite": (change_csv("sightings.csv", "start", lambda _: "inf", 7), r"sightings\.csv line 7: start"),
    "start in ms": (change_csv("sightings.csv", "start", lambda t: f"{float(t) * 1000}", 7), r"line 7: starts outside"),
    "end first": (change_csv("sightings.csv", "end", lambda t: f"{float(t) - 9999}", 7), r"line 7: ends before"),
    "half a position": (change_csv("sightings.csv", "east_m", lambda _: "", 8), r"line 8: gives only one of east_m"),
    "met nobody": (change_csv("encounters.csv", "sighting_b", lambda _: "x", 3), r"encounters\.csv line 3: sighting_b"),
    "met itself": (meet_oneself, r"encounters\.csv line 2: joins a sighting with itself"),
    "met elsewhere": (swap_partner, r"encounters\.csv line 2: joins two cameras"),
    "met another time": (change_csv("encounters.csv", "end", lambda t: f"{float(t) + 9e4}", 3), "line 3: lies outs"),
    "distance minus": (change_csv("encounters.csv", "min_distance_m", lambda _: "-1", 3), r"line 3: min_distance_m"),
    "patients object": (write("patients.json", "{}"), r"patients\.json: is no list"),
    "no name": (drop_patient_key("patient_id"), r"patients\.json: entry 2: lacks patient_id"),
    "no truth": (drop_patient_key("truth_sightings"), r"patients\.json: entry 2: lacks truth_sightings"),
    "name twice": (change_patient("patient_id", "patient-2"), r"entry 2: patient_id 'patient-2' stands twice"),
    "face reference": (change_patient("faces", [99]), r"entry 1: faces points at no row"),
    "no reference": (change_patient("faces", []), r"entry 1: faces lists 0 rows"),
    "picture": (change_patient("appearance", -1), r"entry 1: appearance points at no row"),
    "consent": (change_patient("consent", ["voice"]), r"entry 1: consent names an unknown scope"),
    "window": (change_patient("window", ["2020-01-01T00:00:00Z", "2020-01-02T00:00:00Z"]), "the window reaches out"),
    "window words": (change_patient("window", ["today", "tomorrow"]), r"entry 1: a time cannot be read"),
    "window backwards": (change_patient("window", [1_800_000_000, 1_700_000_000]), r"entry 1: a time span is empty"),
    "testimony": (change_patient("testimony", [{"latitude": 95}]), r"entry 1: "),
    "truth dangles": (change_patient("truth_sightings", ["nobody"]), r"entry 1: 'nobody' is no sighting"),
    "contact dangles": (change_patient("truth_contacts", {"who-2021": [["x"]]}), r"entry 1: 'x' is no sighting"),
    "contact empty": (change_patient("truth_contacts", {"who-2021": [[]]}), r"entry 1: a true contact has no"),
}  # fmt: skip


@pytest.mark.parametrize("what", SPOILT)
def test_a_spoilt_folder_is_refused_by_file_and_line(what: str, folder: Path) -> None:
    """Whatever is missing, malformed, dangling or impossible is a BadScenario that names the place and a remedy."""
    spoil, words = SPOILT[what]
    spoil(folder)
    with pytest.raises(BadScenario, match=words) as refusal:
        read_scenario(folder)
    assert refusal.value.hint


def test_a_folder_that_is_none_is_refused(tmp_path: Path) -> None:
    """A path that is no folder is named."""
    with pytest.raises(BadScenario, match="is no folder"):
        read_scenario(tmp_path / "nowhere")


def test_crowded_cells_are_refused(folder: Path) -> None:
    """A batch numbers its cameras in one byte, so a cell of 257 cameras cannot be replayed, and the line is named."""
    head = "camera_id,latitude,longitude,indoor,cell\n"
    rows = "".join(f"cam-{n:05d},37.5,127.{n:04d},0,one\n" for n in range(257))
    (folder / "cameras.csv").write_text(head + rows)
    with pytest.raises(BadScenario, match=r"cameras\.csv line 2: cell one has over 256"):
        read_scenario(folder)
