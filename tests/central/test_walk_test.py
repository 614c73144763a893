"""A walk on purpose: planned or recorded, held against the route that was found of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.database import writing
from central.nodes.service import put_cameras
from central.nodes.tables import Camera
from central.replay.read import read_scenario
from central.routes.camera_graph import DETOUR, CameraPlace
from central.routes.reconstruct import reconstruct
from central.routes.route import Visit
from central.walk_test.passages import BadWalk, Passage, nearest_walk, plan, plan_from_csv, plan_to_csv
from central.walk_test.recorded import passages_of_scenario
from central.walk_test.score import score_walk
from central.walk_test.sun import is_dark, sun_elevation
from central.walk_test.tracks import Track, passages_of, read_track, timed
from shared.errors import BadInput
from shared.face_mask import FaceMask
from tests.central import town
from tests.central.authority_fixtures import CASE
from tests.central.centre_fixtures import Office
from tests.central.found_route import PLACES, a_day, at, keep, visit
from tests.central.test_reconstruct import LAWS
from tests.city.city import make_city
from tests.city.plan import CityPlan
from tests.city.write import write_scenario

CAFE, DOOR, STATION = PLACES["cafe"], PLACES["bakery-door"], PLACES["station"]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        with writing(opened.engine) as session:
            names = ("camera", "latitude", "longitude", "indoor", "cell")
            put_cameras(session, [Camera(**{n: getattr(place, n) for n in names}) for place in PLACES.values()])
            session.commit()
        yield opened


def walked(*passages: tuple[CameraPlace, datetime]) -> list[Passage]:
    return [Passage(place, moment) for place, moment in passages]


def gpx(*points: tuple[datetime, float, float]) -> bytes:
    inner = "".join(
        f'<trkpt lat="{lat}" lon="{lon}"><time>{moment.astimezone(UTC).isoformat()}</time></trkpt>'
        for moment, lat, lon in points
    )
    space = "http://www.topografix.com/GPX/1/1"
    return f'<?xml version="1.0"?><gpx xmlns="{space}"><trk><trkseg>{inner}</trkseg></trk></gpx>'.encode()


def straight(start: datetime, *places: CameraPlace, minutes: float = 10) -> Track:
    """A track from place to place with a point every five seconds."""
    points = []
    for k, (one, other) in enumerate(pairwise(places)):
        for share in np.linspace(0, 1, int(minutes * 12), endpoint=False):
            moment = start + timedelta(minutes=minutes * (k + float(share)))
            latitude = one.latitude + share * (other.latitude - one.latitude)
            points.append((moment, float(latitude), float(one.longitude + share * (other.longitude - one.longitude))))
    last = start + timedelta(minutes=minutes * (len(places) - 1))
    return read_track(gpx(*points, (last, places[-1].latitude, places[-1].longitude)))


# scoring


def test_recall_and_offsets_are_told_by_camera() -> None:
    """Two passages of the café of which one was seen, half a minute late; the station was missed."""
    passages = walked((CAFE, at(10)), (CAFE, at(12)), (STATION, at(13)))
    score = score_walk(passages, [visit("cafe", at(10, 0, 24))]).to_map()
    assert (score["passages"], score["seen"], score["recall"], score["offset_s"]) == (3, 1, 0.333, 30.0)
    assert [(one["name"], one["recall"]) for one in score["cameras"]] == [("cafe", 0.5), ("station", 0.0)]
    assert [(one["camera"], one["as"]) for one in score["missed"]] == [("cafe", ["indoors"]), ("station", ["daylight"])]


def test_a_visit_too_far_in_time_is_no_hit() -> None:
    """Beyond the tolerance it is a miss and, within the walk's time, a visit too many; outside of it, none of ours."""
    passages = walked((CAFE, at(10)), (DOOR, at(11)))
    score = score_walk(passages, [visit("cafe", at(10, 30)), visit("cafe", at(15)), visit("bakery-door", at(11))])
    assert (score.recall, score.precision) == (0.5, 0.5)
    assert [one.start for one in score.extra] == [at(10, 30)]


def test_each_visit_counts_for_one_pass() -> None:
    """Passing twice within the tolerance and being seen once is one hit: the passage that is nearer in time."""
    score = score_walk(walked((CAFE, at(10)), (CAFE, at(10, 1))), [visit("cafe", at(10, 0, 50))])
    assert [one.visit is not None for one in score.found] == [False, True]


def test_positions_are_compared_in_metres() -> None:
    """The box says 1 m east and 2 m south of the camera; the tester's device was at the camera: 2.2 m apart."""
    track = straight(at(9, 55), CAFE, CAFE)
    (found,) = score_walk(walked((CAFE, at(10))), [visit("cafe", at(10))], track).found
    assert found.error_m == pytest.approx(5**0.5, abs=0.01)
    away = replace(visit("cafe", at(10)), candidate=replace(visit("cafe", at(10)).candidate, east_m=None))
    assert score_walk(walked((CAFE, at(10))), [away], track).found[0].error_m is None
    assert score_walk(walked((CAFE, at(20))), [visit("cafe", at(20))], track).found[0].error_m is None


def test_a_walk_that_nobody_saw_is_an_answer() -> None:
    """Recall 0 and no precision; no visit at all is no division by zero."""
    score = score_walk(walked((CAFE, at(10))), [])
    assert (score.recall, score.precision, score.to_map()["offset_s"]) == (0.0, None, None)
    assert score_walk([], []).to_map()["recall"] == 0.0


def test_circumstances_have_a_recall_of_their_own() -> None:
    """Indoors, dark or daylight by the sun, and the tester's own word."""
    passages = [Passage(STATION, at(12)), Passage(STATION, at(21)), Passage(CAFE, at(21, 30), "mask")]
    score = score_walk(passages, [visit("station", at(12)), visit("cafe", at(21, 30), mask=FaceMask.WORN)]).to_map()
    told = {one["name"]: (one["passages"], one["seen"]) for one in score["circumstances"]}
    assert told == {"daylight": (1, 1), "dark": (1, 0), "indoors": (1, 1), "mask": (1, 1)}
    assert score["masks_seen"] == {"absent": 1, "worn": 1}


@given(st.permutations(range(6)), st.permutations(range(5)))
def test_the_order_of_what_is_given_does_not_matter(passages: Sequence[int], visits: Sequence[int]) -> None:
    """Recall, precision and offsets stay the same however passages and visits are ordered."""
    all_passages = [Passage(CAFE, at(10 + k // 2, 20 * k)) for k in range(6)]
    all_visits = [visit("cafe", at(10 + k // 2, 20 * k, 40)) for k in range(5)]
    mixed = score_walk([all_passages[k] for k in passages], [all_visits[k] for k in visits]).to_map()
    plain = score_walk(all_passages, all_visits).to_map()
    names = ("passages", "seen", "recall", "precision", "offset_s", "circumstances", "cameras")
    assert [mixed[name] for name in names] == [plain[name] for name in names]


def test_a_walk_through_the_simulated_town_is_scored() -> None:
    """The walk's passages held against the route rebuilt from its sightings: nearly all found, nothing else."""
    rng = np.random.default_rng(3)
    graph, passages = town.grid(), town.walk(rng, seconds=9000)
    seen = town.sighted(passages, np.full(len(passages), 200), "node-1", FaceMask.ABSENT)
    kept = [one for k, one in enumerate(seen) if k % 7]  # every seventh was missed
    route = reconstruct(kept, graph, town.WINDOW, LAWS, searched=2000)
    truth = [Passage(graph.places[one.camera], town.START + timedelta(seconds=round(one.at))) for one in passages]
    score = score_walk(truth, route.visits)
    assert score.precision == 1.0
    assert score.recall == pytest.approx(len(kept) / len(seen), abs=0.05)
    assert {one["camera"] for one in score.to_map()["missed"]} <= {one.camera for one in passages}


def test_a_recorded_walk_says_how_each_pass_was_seen(tmp_path: Path) -> None:
    """A scenario's truth: masks, and faces that were not seen, are circumstances, so a miss shows its state."""
    folder = write_scenario(make_city(CityPlan(cameras=40, people=120, patients=2, seed=6)), tmp_path)
    scenario = read_scenario(folder)
    who = scenario.patients[0]
    passages = passages_of_scenario(scenario, who.patient)
    assert len(passages) == len(who.truth) > 0
    assert [one.at for one in passages] == sorted(one.at for one in passages)
    score = score_walk(passages, []).to_map()
    words = {one["name"] for one in score["circumstances"]}
    assert words & {"no face", "mask worn", "mask absent"}
    assert {word for one in score["missed"] for word in one["as"]} == words
    for unclear in (None, "nobody"):
        with pytest.raises(BadWalk, match="who the tester is"):
            passages_of_scenario(scenario, unclear)


# plans


def test_a_plan_goes_past_the_cameras_on_foot() -> None:
    """Times follow the streets at the speed that is named; the sheet is read back to the same passages."""
    passages = plan([DOOR, CAFE, STATION], at(9), speed_m_s=1.0)
    metres = 165.7  # from door to café as the crow flies
    assert (passages[1].at - passages[0].at).total_seconds() == pytest.approx(metres * DETOUR, abs=2)
    sheet = plan_to_csv(passages).replace(b",0,\r\n", b",0,umbrella\r\n")
    again = plan_from_csv(sheet, PLACES.values())
    assert [(one.place, one.at) for one in again] == [(one.place, one.at) for one in passages]
    assert again[2].condition == "umbrella"


def test_a_walk_goes_on_to_the_nearest_camera() -> None:
    """Each camera once, and no more than there are."""
    walk = nearest_walk(DOOR, PLACES.values(), 3)
    assert [one.camera for one in walk] == ["bakery-door", "crossing", "cafe"]
    assert len(nearest_walk(DOOR, PLACES.values(), 99)) == len(PLACES)


@pytest.mark.parametrize("sheet", [
    b"", b"camera,time\r\n", b"camera,time\r\ncafe,2026-11-24T09:00:00\r\n",
    b"camera,time\r\nnowhere,2026-11-24T09:00Z\r\n",
    b"camera,time\r\n../x,2026-11-24T09:00Z\r\n", b"a,b\r\n1,2\r\n", b"camera,time\r\ncafe,soon\r\n", b"\xff\xfe\x00",
    b'camera,time\r\n"cafe,2026',
])  # fmt: skip
def test_a_plan_that_cannot_be_read_is_refused(sheet: bytes) -> None:
    """With the line and what it should look like; a time without a zone is none."""
    with pytest.raises(BadWalk) as refused:
        plan_from_csv(sheet, PLACES.values())
    assert refused.value.hint


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf")])
def test_a_plan_needs_a_speed_that_people_walk(speed: float) -> None:
    """And a camera to pass."""
    for places in ([CAFE], []):
        with pytest.raises(BadWalk):
            plan(places, at(9), speed)


# tracks


def test_a_track_is_read_in_three_forms() -> None:
    """GPX, GeoJSON as lines or points, and a table give the same points."""
    points = [(at(10, n), 37.5 + n / 1000, 126.7) for n in range(3)]
    line = {"type": "LineString", "coordinates": [[lon, lat] for _, lat, lon in points]}
    times = [moment.isoformat() for moment, _, _ in points]
    dots = [
        {"type": "Feature", "geometry": {"type": "Point", "coordinates": [lon, lat]}, "properties": {"time": time}}
        for (_, lat, lon), time in zip(points, times, strict=True)
    ]
    table = "time,latitude,longitude\n" + "\n".join(
        f"{t},{lat},{lon}" for t, (_, lat, lon) in zip(times, points, strict=True)
    )
    forms = [
        gpx(*points),
        json.dumps({"type": "Feature", "geometry": line, "properties": {"coordTimes": times}}).encode(),
        json.dumps({"type": "FeatureCollection", "features": dots}).encode(),
        b"\xef\xbb\xbf" + table.encode(),
    ]
    for raw in forms:
        track = read_track(raw)
        np.testing.assert_allclose(track.latitude, [37.5, 37.501, 37.502])
        assert track.at(at(10, 1)) == pytest.approx((37.501, 126.7))
        assert track.at(at(9)) is None


@pytest.mark.parametrize("raw", [
    b"", b"<gpx/>", b"<gpx", b"{}", b'{"type": "Feature", "geometry": null}', b"time,latitude,longitude\n",
    b"[1]", b"\x00" * 9,
    b"time,latitude,longitude\n2026-11-24T09:00,37,126\n2026-11-24T09:01,37,126\n",
    b"time,latitude,longitude\n2026-11-24T09:00Z,126,37\n2026-11-24T09:01Z,126,37\n",
    b"time,latitude,longitude\n2026-11-24T09:00Z,nan,37\n2026-11-24T09:01Z,1,37\n",
    b'<!DOCTYPE x [<!ENTITY a "b">]><gpx><trk/></gpx>',
    b'{"type": "Feature", "geometry": {"type": "Point", "coordinates": []}, "properties": {"time": "2026-11-24T09Z"}}',
    b'{"a":' * 100_000, b'{"a":' + b"[" * 100_000, b"<a>" * 100_000,
])  # fmt: skip
def test_a_track_that_cannot_be_used_is_refused(raw: bytes) -> None:
    """No times, no zone, nowhere on earth, entities that multiply: a named refusal, and never a trace."""
    with pytest.raises(BadWalk) as refused:
        read_track(raw)
    assert refused.value.hint


def test_a_track_passes_what_it_comes_near() -> None:
    """At the moment of the nearest approach, again when it comes back, and never where it does not come."""
    track = straight(at(10), DOOR, CAFE, DOOR)
    passages = passages_of(track, PLACES.values())
    assert [one.place.camera for one in passages] == ["bakery-door", "crossing", "cafe", "crossing", "bakery-door"]
    assert abs((passages[2].at - at(10, 10)).total_seconds()) <= 5


def test_a_plan_takes_its_times_from_the_track() -> None:
    """Conditions are the plan's, times are those walked; what was not walked is not held against the system."""
    planned = [Passage(CAFE, at(10, 5), "mask"), Passage(STATION, at(11), "hood")]
    (only,) = timed(planned, passages_of(straight(at(10), DOOR, CAFE), PLACES.values()), 3600)
    assert (only.place, only.condition) == (CAFE, "mask")
    assert abs((only.at - at(10, 10)).total_seconds()) <= 5


# the sun


@pytest.mark.parametrize(("moment", "where", "degrees"), [
    (datetime(2026, 6, 21, 3, 34, tzinfo=UTC), (37.5, 126.77), 75.9),  # noon at midsummer: 90 - 37.5 + 23.4
    (datetime(2026, 12, 22, 3, 31, tzinfo=UTC), (37.5, 126.77), 29.1),
    (datetime(2026, 3, 20, 12, 7, tzinfo=UTC), (0.0, 0.0), 90.0),
])  # fmt: skip
def test_the_sun_stands_where_it_should(moment: datetime, where: tuple[float, float], degrees: float) -> None:
    """Noon at the solstices over Bucheon and at an equinox on the equator, within half a degree."""
    assert sun_elevation(moment, *where) == pytest.approx(degrees, abs=0.5)


def test_it_is_dark_after_twilight() -> None:
    """In Bucheon on 23 November the sun sets at 17:16; at 17:30 there is light, at 18:00 there is none."""
    where = (37.5, 126.77)
    assert [is_dark(at(*hour), *where) for hour in ((6, 30), (7, 30), (12,), (17, 30), (18,), (23,))] == [
        True, False, False, False, True, True,
    ]  # fmt: skip


# by command


def test_a_walk_is_planned_and_reported_by_command(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Plan, walk, report: the report is of the tester's own case, whose reading is noted, and names no stranger."""
    office.approved()
    keep(office)
    sheet, phone = tmp_path / "walk.csv", tmp_path / "phone.gpx"
    start = at(9, 50).isoformat()
    office.typed("walk-test", "plan", "--camera", "home-street", "--camera", "bakery-door", "--count", "4",
        "--start", start, "--out", str(sheet))  # fmt: skip
    assert sheet.read_text().count("\n") == 5
    capsys.readouterr()
    office.typed("walk-test", "report", CASE, "--plan", str(sheet), "--tolerance", "1800", "--json")
    score = json.loads(capsys.readouterr().out)
    assert (score["passages"], score["seen"]) == (4, 4)
    assert office.audit()[-1].action == "read route"
    day = [PLACES[one.place.camera] for one in a_day().visits[:2]]
    phone.write_bytes(
        gpx((at(9, 50), day[0].latitude, day[0].longitude), (at(10, 2), day[1].latitude, day[1].longitude))
    )
    office.typed("walk-test", "report", CASE, "--track", str(phone))
    told = capsys.readouterr().out
    assert "bakery-door" in told
    assert "daylight" in told


def test_commands_that_cannot_work_say_what_to_do(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """No plan and no track, an unknown camera, another tracer's case, a radius of nothing."""
    office.approved()
    keep(office)
    (tmp_path / "walk.csv").write_bytes(plan_to_csv([Passage(CAFE, at(10))]))
    plain = ("--plan", str(tmp_path / "walk.csv"))
    for arguments, told in (
        (("report", CASE), "--track"),
        (("report", CASE, *plain, "--scenario", str(tmp_path)), "or --scenario"),
        (("report", CASE, *plain, "--patient", "patient-1"), "--scenario DIR"),
        (("report", "case-99", *plain), "NotFound"),
        (("report", CASE, *plain, "--radius", "nan"), "500 m"),
        (("report", CASE, "--plan", str(tmp_path / "no.csv")), "cannot read"),
        (("plan", "--camera", "nowhere", "--start", at(9).isoformat(), "--out", str(tmp_path / "x.csv")), "nowhere"),
        (("plan", "--camera", "cafe", "--start", at(9).isoformat(), "--out", str(tmp_path / "walk.csv")), "--force"),
    ):
        with pytest.raises(SystemExit, match="2"):
            office.typed("walk-test", *arguments)
        assert told in capsys.readouterr().err


def test_what_is_scored_is_a_route() -> None:
    """The score takes visits as the centre stores them, whoever rebuilt them."""
    visits: Sequence[Visit] = a_day().visits
    score = score_walk([Passage(one.place, one.start) for one in visits], visits)
    assert (score.recall, score.precision) == (1.0, 1.0)
    assert issubclass(BadWalk, BadInput)
