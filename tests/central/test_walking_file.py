"""The file of ways on foot, and what a centre, its commands and a replay make of it."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlmodel import Session

from central.__main__ import main
from central.app import make_centre
from central.cases.client import CaseClient
from central.database import writing
from central.nodes.service import put_cameras
from central.nodes.tables import Camera
from central.routes.camera_graph import CameraPlace
from central.routes.jobs import Making
from central.routes.service import camera_graph
from central.settings import CentreSettings
from central.walking.build import build
from central.walking.errors import BadWays
from central.walking.ways import ATTRIBUTION, Ways
from central.walking.ways_file import read_ways, write_ways
from tests.central.authority_fixtures import CELL
from tests.central.centre_fixtures import SETTINGS, Office
from tests.central.street_map import BRIDGE, NORTH, SOUTH, river
from tests.city.city import make_city
from tests.city.plan import CityPlan
from tests.city.write import write_scenario

NOW = datetime(2026, 11, 26, tzinfo=UTC)
CAMERAS = (NORTH, SOUTH, BRIDGE)
SHEET = "camera_id,latitude,longitude,indoor,cell\n"


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Ways:
    return build(river().write(tmp_path_factory.mktemp("map") / "map.osm.pbf"), CAMERAS, NOW, lambda _: None, 2000.0)


@pytest.fixture(scope="module")
def file(ways: Ways, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ways") / "walking.npz"
    write_ways(path, ways)
    return path


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


def same(one: Ways, other: Ways) -> bool:
    arrays = ("latitude", "longitude", "near_way", "one", "other", "metres")
    plain = (one.names, one.reach_m, one.source) == (other.names, other.reach_m, other.source)
    return plain and all((getattr(one, name) == getattr(other, name)).all() for name in arrays)


def repacked(file: Path, to: Path, arrays: dict[str, Any] | None = None, **about: Any) -> Path:
    """The same file with other words about it, or other arrays, as somebody would write it by hand."""
    with np.load(file) as packed:
        held = {name: packed[name] for name in packed.files} | (arrays or {})
    told = json.loads(held["about"].tobytes()) | about
    held["about"] = np.frombuffer(json.dumps(told).encode(), np.uint8)
    np.savez_compressed(to, **held)
    return to


def test_what_is_written_is_read(ways: Ways, file: Path) -> None:
    """With its source, the map's licence, and nothing lost."""
    assert same(read_ways(file), ways)
    with np.load(file) as packed:
        assert json.loads(packed["about"].tobytes())["licence"] == ATTRIBUTION


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_file_is_refused(ways: Ways, file: Path, tmp_path: Path, data: st.DataObject) -> None:
    """Cut short or changed in one byte anywhere: a named refusal, or the byte meant nothing."""
    raw = bytearray(file.read_bytes())
    at = data.draw(st.integers(0, len(raw) - 1))
    if data.draw(st.booleans()):
        del raw[at:]
    else:
        raw[at] ^= data.draw(st.integers(1, 255))
    damaged = tmp_path / "walking.npz"
    damaged.write_bytes(raw)
    try:
        assert same(read_ways(damaged), ways)
    except BadWays as refused:
        assert "walking build" in refused.hint


def test_a_file_of_another_version_is_refused(file: Path, tmp_path: Path) -> None:
    """It is not guessed at; it is built anew in a minute."""
    with pytest.raises(BadWays, match="version"):
        read_ways(repacked(file, tmp_path / "other.npz", version=2))


@pytest.mark.parametrize(
    "about",
    [
        {"names": ["cam-n", "cam-s"]},
        {"names": ["cam-n", "cam-s", "cam-s"]},
        {"reach_m": 1.0},
        {"reach_m": float("nan")},
        {"source": 7},
        {"digest": ""},
    ],
)
def test_words_that_do_not_fit_the_numbers_are_refused(file: Path, tmp_path: Path, about: dict[str, Any]) -> None:
    """Whatever was changed by hand, the checksum tells."""
    with pytest.raises(BadWays):
        read_ways(repacked(file, tmp_path / "other.npz", **about))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x93NUMPY", b"cam-n,cam-s,1400\n"])
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Also one that does not exist, and a folder."""
    (tmp_path / "walking.npz").write_bytes(content)
    for path in (tmp_path / "walking.npz", tmp_path / "none.npz", tmp_path):
        with pytest.raises(BadWays):
            read_ways(path)


def test_a_file_with_objects_in_it_is_refused(file: Path, tmp_path: Path) -> None:
    """Numpy could run code from it; nothing of the kind is unpacked."""
    with pytest.raises(BadWays):
        read_ways(repacked(file, tmp_path / "other.npz", {"metres": np.array([object()], dtype=object)}))


def test_a_file_that_unpacks_to_more_than_fits_is_refused(tmp_path: Path) -> None:
    """A small file of nothing but zeros is told by its directory, before it is unpacked."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as out, out.open("metres.npy", "w") as member:
        for _ in range(257):
            member.write(b"\0" * 2**20)
    (tmp_path / "walking.npz").write_bytes(packed.getvalue())
    with pytest.raises(BadWays, match="unpacks"):
        read_ways(tmp_path / "walking.npz")


# A centre with it.


def entered(office: Office, *places: CameraPlace) -> None:
    rows = [
        Camera(camera=p.camera, latitude=p.latitude, longitude=p.longitude, indoor=p.indoor, cell=CELL) for p in places
    ]
    with writing(office.engine) as session:
        put_cameras(session, rows)
        session.commit()


def using(office: Office, ways: Ways) -> CaseClient:
    """The tracer's client of a centre that has this network."""
    office.centre.jobs._making = Making(ways=ways)
    return office.as_("kim")


def test_a_centre_tells_at_its_start_which_cameras_have_no_ways(
    office: Office, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """New ones and ones that were moved: each with what to do, and the map's makers are named."""
    entered(office, NORTH, SOUTH, replace(BRIDGE, latitude=BRIDGE.latitude + 0.001))
    address = office.engine.url.render_as_string(hide_password=False)
    plain = SETTINGS.model_dump() | {"database": address, "walking": file}
    with caplog.at_level(logging.INFO):
        centre = make_centre(CentreSettings(**plain))
    centre.jobs.close()
    told = [record.getMessage() for record in caplog.records if record.name == "central.walking.service"]
    assert told[0].startswith("ways on foot for 2 cameras")
    assert ATTRIBUTION in told[0]
    assert any("door" in line and "walking build" in line for line in told[1:])
    assert any("cam-x" in line and "moved" in line for line in told[1:])
    ways = centre.jobs.ways
    assert ways is not None
    with Session(office.engine) as session:
        graph = camera_graph(session, ways)
    n, s = np.array(graph.index["cam-n"]), np.array(graph.index["cam-s"])
    assert graph.way_m(n, s) == pytest.approx(1400, abs=2)


def test_a_centre_does_not_start_on_a_file_that_is_none(office: Office, tmp_path: Path) -> None:
    """A wrong path would otherwise mean straight lines that nobody notices."""
    address = office.engine.url.render_as_string(hide_password=False)
    with pytest.raises(BadWays):
        make_centre(CentreSettings(**SETTINGS.model_dump() | {"database": address, "walking": tmp_path / "none.npz"}))


def test_everybody_sees_the_network_in_use(office: Office, ways: Ways) -> None:
    """Whose map, how many pairs, and the cameras that have no ways by it, with the reason."""
    entered(office, *CAMERAS)
    told = using(office, ways).ask("GET", "/walking")
    assert (told["licence"], told["source"], told["pairs"]) == (ATTRIBUTION, "map.osm.pbf", 3)
    assert (told["known"], told["unknown"], told["moved"]) == (3, ["door"], [])


def test_a_search_goes_by_the_network(office: Office, ways: Ways) -> None:
    """A case is searched as before where a network is set."""
    office.fill()
    client = office.approved()
    using(office, ways)
    assert office.searched(client)["state"] == "done"


# Commands.


def test_the_network_is_built_for_the_cameras_of_the_centre(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From an extract to a file that the setting names, in one command."""
    entered(office, *CAMERAS)
    extract, out = river().write(tmp_path / "map.osm.pbf"), tmp_path / "walking.npz"
    office.typed("walking", "build", "--osm", str(extract), "--out", str(out), "--reach", "2000", "--json", by="tec")
    said = capsys.readouterr()
    assert json.loads(said.out)["pairs within reach"] == 6  # the office's own door hangs between the banks
    assert f"CAIRN_CENTRE_WALKING={out}" in said.err
    assert read_ways(out).names == ("cam-n", "cam-s", "cam-x", "door")
    assert out.stat().st_mode & 0o777 == 0o644  # the centre's own account reads it


def test_a_file_is_built_and_shown_without_a_centre(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For a scenario's cameras nobody is asked, and no token is needed."""
    sheet = tmp_path / "cameras.csv"
    sheet.write_text(SHEET + "".join(f"{c.camera},{c.latitude},{c.longitude},0,\n" for c in CAMERAS))
    extract, out = river().write(tmp_path / "map.osm.pbf"), tmp_path / "walking.npz"
    asked = ["walking", "build", "--osm", str(extract), "--out", str(out), "--cameras", str(sheet), "--reach", "2000"]
    main(asked)
    assert ATTRIBUTION in capsys.readouterr().out
    sheet.write_text(SHEET + f"cam-n,{NORTH.latitude},{NORTH.longitude},0,\ncam-9,37.5,126.76,0,\n")
    main(["walking", "show", str(out), "--cameras", str(sheet), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert (told["known"], told["unknown"]) == (1, ["cam-9"])
    with pytest.raises(SystemExit) as refused:
        main(asked)
    assert refused.value.code == 2
    assert "--force" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [["show"], ["build", "--osm", "map.osm.pbf", "--out", "new.npz"], ["show", "--cameras", "cameras.csv"]]
)
def test_whoever_asks_a_centre_says_who_they_are(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A missing token, or an option that means nothing alone, is refused with what to give."""
    monkeypatch.delenv("CAIRN_TOKEN_FILE", raising=False)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as refused:
        main(["walking", *words])
    assert refused.value.code == 2
    assert "give --token-file" in (said := capsys.readouterr().err) or "name the file" in said


def test_showing_what_a_centre_without_a_network_has_is_refused(
    office: Office, capsys: pytest.CaptureFixture[str]
) -> None:
    """It says how to make one."""
    with pytest.raises(SystemExit):
        office.typed("walking", "show")
    assert "walking build" in capsys.readouterr().err


def test_a_scenario_is_scored_by_the_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With cameras that the network does not know it is told, and the replay goes by straight lines for these."""
    city = write_scenario(make_city(CityPlan(cameras=12, people=60, patients=1, seed=1, look_alikes=0)), tmp_path / "c")
    out = tmp_path / "walking.npz"
    write_ways(out, build(river().write(tmp_path / "map.osm.pbf"), CAMERAS, NOW, lambda _: None, 2000.0))
    main(["replay", str(city), "--walking", str(out)])
    said = capsys.readouterr()
    assert "12 cameras by the straight line" in said.err
    assert "patient" in said.out
    (tmp_path / "none.npz").write_bytes(b"garbage")
    with pytest.raises(SystemExit):
        main(["replay", str(city), "--walking", str(tmp_path / "none.npz")])
    assert "no file of walking ways" in capsys.readouterr().err
