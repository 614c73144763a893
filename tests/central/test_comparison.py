"""What the patient says beside what the cameras saw."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.__main__ import main
from central.database import writing
from central.routes.camera_graph import CameraPlace
from central.routes.route import Route, Visit
from central.testimony.comparison import SLACK, Comparison, Looked, Stated, Verdict, Why, compare
from tests.central.authority_fixtures import CASE, NOW
from tests.central.centre_fixtures import Office
from tests.central.test_cases import refusal
from tests.central.test_pages import FOUND, signed_in, tell, text_of
from tests.central.test_reconstruct import GRAPH, seen
from tests.central.town import DEGREE_M, START, WINDOW

MINUTE = timedelta(minutes=1)
PATH = f"/cases/{CASE}/testimony"


def visit(camera: str, minute: float, confidence: float = 0.95) -> Visit:
    return Visit(seen(camera, minute, 90, name=camera), confidence, GRAPH.places[camera])


def stay(camera: str, first: float, last: float, north_m: float = 0.0) -> Stated:
    """Told to have been so many metres north of a camera."""
    place = GRAPH.places[camera]
    times = (START + first * MINUTE, START + last * MINUTE)
    return Stated(camera, *times, place.latitude + north_m / DEGREE_M, place.longitude)


def held(stated: Sequence[Stated], visits: Sequence[Visit], looked: Looked = Looked.SENT) -> Comparison:
    route = Route(WINDOW, tuple(sorted(visits, key=lambda one: one.start)))
    return compare(stated, route, GRAPH.places, lambda _cell, _hour: looked)


def verdict(one: Stated, *visits: Visit, looked: Looked = Looked.SENT) -> tuple[Verdict, Why | None]:
    (found,) = held([one], visits, looked).stays
    return found.verdict, found.why


def test_a_stay_is_confirmed_by_being_seen_there() -> None:
    """At the place, or at a camera next to it; a little early or late, because nobody remembers to the minute."""
    told = stay("cam-05-05", 60, 90)
    for where, when in (("cam-05-05", 75), ("cam-05-06", 75), ("cam-05-05", 52), ("cam-05-05", 98)):
        assert verdict(told, visit(where, when)) == (Verdict.CONFIRMED, None)


def test_a_stay_is_contradicted_by_being_seen_elsewhere_in_the_middle_of_it() -> None:
    """With how far away that was; but not by a sighting that is doubtful, or by one next door."""
    told = stay("cam-00-00", 60, 120)
    (found,) = held([told], [visit("cam-00-08", 90)]).stays
    ((where, metres),) = found.elsewhere
    assert (found.verdict, where.place.camera, round(metres)) == (Verdict.CONTRADICTED, "cam-00-08", 720)
    assert found.confidence == pytest.approx(0.95)
    assert verdict(told, visit("cam-00-08", 90, 0.6)) == (Verdict.NOT_SEEN, None)
    assert verdict(told, visit("cam-00-02", 90)) == (Verdict.NOT_SEEN, None)


def test_to_come_late_or_to_leave_early_is_no_contradiction() -> None:
    """Within what memory may be wrong, being seen elsewhere only shows where the patient came from."""
    told = stay("cam-00-00", 60, 120)
    assert verdict(told, visit("cam-00-08", 65), visit("cam-00-08", 115)) == (Verdict.NOT_SEEN, None)
    assert verdict(told, visit("cam-00-08", 65), visit("cam-00-00", 80)) == (Verdict.CONFIRMED, None)


def test_a_short_stay_is_contradicted_only_where_nobody_could_have_been_in_time() -> None:
    """Five minutes at the bakery and seen a street away at the same time: possible. Thirty kilometres away: not."""
    told = stay("cam-00-00", 60, 65)
    assert verdict(told, visit("cam-00-08", 62)) == (Verdict.NOT_SEEN, None)
    far = dataclasses.replace(told, latitude=(told.latitude or 0.0) + 30_000 / DEGREE_M)
    assert verdict(far, visit("cam-00-08", 62)) == (Verdict.CONTRADICTED, None)


def test_who_was_seen_there_and_elsewhere_is_contradicted_with_both_shown() -> None:
    """The tracer sees what speaks for the stay and what against it."""
    (found,) = held([stay("cam-00-00", 60, 120)], [visit("cam-00-00", 62), visit("cam-00-08", 90)]).stays
    assert (found.verdict, len(found.there), len(found.elsewhere)) == (Verdict.CONTRADICTED, 1, 1)


def test_silence_is_no_evidence_and_says_why() -> None:
    """Not seen is told apart from: nothing was sent, nothing was searched, no camera, no place, outside the window."""
    told = stay("cam-05-05", 60, 90)
    nowhere = dataclasses.replace(told, latitude=None, longitude=None)
    before = dataclasses.replace(told, start=START - 3 * 60 * MINUTE, end=START - 2 * 60 * MINUTE)
    assert verdict(told) == (Verdict.NOT_SEEN, None)
    assert verdict(told, looked=Looked.NOT_SENT) == (Verdict.NOT_COVERED, Why.NOT_SENT)
    assert verdict(told, looked=Looked.NOT_SEARCHED) == (Verdict.NOT_COVERED, Why.NOT_SEARCHED)
    assert verdict(stay("cam-05-05", 60, 90, north_m=5000)) == (Verdict.NOT_COVERED, Why.NO_CAMERA)
    assert verdict(nowhere, visit("cam-05-05", 75)) == (Verdict.NOT_COVERED, Why.NO_PLACE)
    assert verdict(before) == (Verdict.NOT_COVERED, Why.OUTSIDE)


def test_a_verdict_comes_with_the_cameras_and_hours_behind_it() -> None:
    """Which cameras were in reach, of how many hours of their cells so many were searched and sent."""
    places = {"near": CameraPlace("near", 37.5, 127.0, False, "a"), "far": CameraPlace("far", 37.6, 127.0, False, "b")}
    looked = {19: Looked.SENT, 20: Looked.NOT_SENT, 21: Looked.NOT_SEARCHED}
    first = int(START.timestamp()) // 3600 - 19
    told = Stated("x", START, START + 180 * MINUTE, 37.5, 127.0)
    (found,) = compare([told], Route(WINDOW), places, lambda cell, hour: looked[hour - first]).stays
    coverage = found.coverage
    assert (coverage.cameras, coverage.hours, coverage.searched, coverage.sent) == (("near",), 3, 2, 1)
    assert (found.verdict, found.why) == (Verdict.NOT_COVERED, Why.NOT_SENT)


def test_only_the_hours_of_the_window_are_looked_up() -> None:
    """A stay that was stored with a slip in its year counts its hours as not searched, and takes no time to judge."""
    asked: list[int] = []

    def looked(_cell: str, hour: int) -> Looked:
        asked.append(hour)
        return Looked.SENT

    told = dataclasses.replace(stay("cam-05-05", 0, 60), start=datetime(26, 11, 24, tzinfo=UTC))
    (found,) = compare([told], Route(WINDOW), GRAPH.places, looked).stays
    assert set(asked) == {int(START.timestamp()) // 3600}
    assert found.coverage.hours > 2000 * 365 * 24
    assert found.coverage.searched == found.coverage.sent == len(asked)
    assert (found.verdict, found.why) == (Verdict.NOT_COVERED, Why.NOT_SEARCHED)


def test_what_was_seen_and_not_told_is_listed() -> None:
    """Visits at times of which nothing was told; a stay without a place covers its time too."""
    told = [stay("cam-00-00", 60, 90), Stated("words only", START + 200 * MINUTE, START + 260 * MINUTE)]
    visits = [visit("cam-00-08", 75), visit("cam-03-03", 150), visit("cam-09-09", 230)]
    assert [one.place.camera for one in held(told, visits).missed] == ["cam-03-03"]


@given(st.integers(0, 2**32))
def test_neither_the_order_of_stays_nor_of_cameras_matters(seed: int) -> None:
    """A verdict is one stay's own; every visit is either within a stay's time or missed."""
    rng = random.Random(seed)
    names = list(GRAPH.places)
    told = [stay(rng.choice(names), first := rng.uniform(0, 500), first + rng.uniform(0, 90)) for _ in range(5)]
    visits = [visit(rng.choice(names), rng.uniform(0, 590), rng.uniform(0.5, 1)) for _ in range(6)]
    found, turned = held(told, visits), held(told[::-1], visits)
    assert found.stays == turned.stays[::-1]
    assert found.missed == turned.missed
    for one in visits:
        within = any(one.start <= each.end + SLACK and one.end >= each.start - SLACK for each in told)
        assert within != (one in found.missed)


# over HTTP, as it is typed, and on a page


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


def told(**changes: Any) -> dict[str, Any]:
    times = {"start": (NOW - 40 * MINUTE).isoformat(), "end": (NOW - 5 * MINUTE).isoformat()}
    return {"place": "bakery", "latitude": 37.5, "longitude": 126.76} | times | changes


def with_route(office: Office) -> Any:
    office.fill()
    kim = office.approved()
    office.searched(kim)
    return kim


def test_a_told_stay_is_held_against_the_route(office: Office) -> None:
    """The bakery's camera saw the patient; far away there is none, and a place in words only is on no map."""
    kim = with_route(office)
    for changes in (
        {"camera": "door", "latitude": None, "longitude": None},
        {"latitude": 37.502},
        {"latitude": None, "longitude": None},
    ):
        kim.ask("POST", PATH, told(**changes))
    found = kim.ask("GET", f"{PATH}/comparison")
    assert sorted((one["verdict"], one["why"] or "") for one in found["stays"]) == [
        ("confirmed", ""), ("not covered", "no camera in reach"), ("not covered", "no place"),
    ]  # fmt: skip
    there = next(one for one in found["stays"] if one["verdict"] == "confirmed")
    assert (there["there"][0]["camera"], there["coverage"]) == (
        "door", {"cameras": ["door"], "hours": 2, "searched": 2, "sent": 1},
    )  # fmt: skip
    assert found["missed"] == []
    assert office.audit()[-1].action == "read testimony comparison"


def test_what_came_in_after_the_search_does_not_speak_of_it(office: Office) -> None:
    """A box that was back on the net later had sent nothing that this search could compare."""
    kim = office.approved()
    office.searched(kim)
    office.world.clock.advance(MINUTE)
    office.fill()
    kim.ask("POST", PATH, told())
    (one,) = kim.ask("GET", f"{PATH}/comparison")["stays"]
    assert (one["verdict"], one["why"], one["coverage"]["sent"]) == ("not covered", "nothing was sent", 0)
    office.searched(kim)
    (one,) = kim.ask("GET", f"{PATH}/comparison")["stays"]
    assert (one["verdict"], one["coverage"]["sent"]) == ("confirmed", 1)


def test_the_store_is_asked_once_while_others_may_write(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many stays of however many hours were told, and not under the lock that every writer needs."""
    kim = with_route(office)
    for _ in range(5):
        kim.ask("POST", PATH, told(start=(NOW - 600 * MINUTE).isoformat()))
    store = office.centre.parts.store
    heard, asked = store.heard, []

    def counted(cells: Sequence[str], *rest: Any) -> Any:
        with writing(office.engine) as session:
            session.connection()
        asked.append(list(cells))
        return heard(cells, *rest)

    monkeypatch.setattr(store, "heard", counted)
    kim.ask("GET", f"{PATH}/comparison")
    assert asked == [["cell-1"]]


def test_what_was_not_told_is_missed(office: Office) -> None:
    """Without a word about that time, the visit is listed for the tracer to ask about."""
    kim = with_route(office)
    kim.ask("POST", PATH, told(start=(NOW - 240 * MINUTE).isoformat(), end=(NOW - 200 * MINUTE).isoformat()))
    found = kim.ask("GET", f"{PATH}/comparison")
    assert [one["camera"] for one in found["missed"]] == ["door"]
    assert [(one["verdict"], one["why"]) for one in found["stays"]] == [("not covered", "nothing was sent")]


def test_there_is_nothing_to_compare_before_a_search_and_after_an_end(office: Office) -> None:
    """No route yet, withdrawn, another's case: each refused by name."""
    kim = office.approved()
    kim.ask("POST", PATH, told())
    assert refusal(lambda: kim.ask("GET", f"{PATH}/comparison")) == (404, "NotFound")
    assert refusal(lambda: office.as_("tam").ask("GET", f"{PATH}/comparison")) == (404, "NotFound")
    assert refusal(lambda: office.as_("oda").ask("GET", f"{PATH}/comparison"))[0] in (403, 404)
    kim.ask("POST", f"/cases/{CASE}/withdraw")
    assert refusal(lambda: kim.ask("GET", f"{PATH}/comparison")) == (409, "CaseEnded")


def test_the_comparison_by_command_and_on_the_page(
    office: Office, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The same verdicts in a table, as JSON, and on the page in both languages."""
    kim = with_route(office)
    kim.ask("POST", PATH, told())
    token = tmp_path / "kim.token"
    token.write_text(office.tokens["kim"])
    own = ["--api", office.url, "--token-file", str(token)]
    main(["testimony", "compare", CASE, *own])
    assert "confirmed" in capsys.readouterr().out
    main(["testimony", "compare", CASE, *own, "--json"])
    assert json.loads(capsys.readouterr().out) == kim.ask("GET", f"{PATH}/comparison")
    with office.browser() as browser:
        signed_in(office, browser)
        assert f"{FOUND}/comparison" in browser.get(f"{FOUND}/timeline").text
        assert "seen there: door" in text_of(browser.get(f"{FOUND}/comparison"))
        assert "그곳에서 목격: door" in text_of(browser.get(f"{FOUND}/comparison", params={"language": "ko"}))


@pytest.mark.parametrize(
    ("where", "camera", "degrees"), [("", None, None), (" door ", "door", None), ("37.5, 126.76", None, (37.5, 126.76))]
)
def test_a_place_on_the_map_is_told_on_the_page(
    office: Office, where: str, camera: str | None, degrees: tuple[float, float] | None
) -> None:
    """By a camera's name or in degrees, or not at all; and the form shows it again when it is changed."""
    kim = office.approved()
    with office.browser() as browser:
        signed_in(office, browser)
        tell(office, browser, where=where)
        (kept,) = kim.ask("GET", PATH)
        again = browser.get(f"{FOUND}/timeline", params={"change": kept["id"]}).text
    assert (kept["camera"], kept["latitude"], kept["longitude"]) == (camera, *(degrees or (None, None)))
    assert f'value="{where.strip()}"' in again


def test_a_change_on_the_page_keeps_what_its_form_does_not_ask_for(office: Office) -> None:
    """The patient's own zone stays, and beside degrees that stay the same the camera; other degrees put both away."""
    kim = office.approved()
    said = told(zone="America/New_York", camera="door", latitude=37.5, longitude=126.76)
    kept = kim.ask("POST", PATH, said)
    with office.browser() as browser:
        signed_in(office, browser)
        tell(office, browser, visit=kept["id"], place="pharmacy", where="37.5, 126.76")
        (after,) = kim.ask("GET", PATH)
        assert (after["place"], after["zone"], after["camera"]) == ("pharmacy", "America/New_York", "door")
        tell(office, browser, visit=kept["id"], where="37.5, 126.77")
        (after,) = kim.ask("GET", PATH)
    assert (after["camera"], after["longitude"], after["zone"]) == (None, 126.77, "America/New_York")


def test_nothing_to_compare_is_offered_where_it_would_be_refused(office: Office) -> None:
    """Neither before a search nor after a closing that erased the route."""
    kim = office.approved()
    with office.browser() as browser:
        signed_in(office, browser)
        assert f"{FOUND}/comparison" not in browser.get(f"{FOUND}/timeline").text
        kim.ask("POST", f"/cases/{CASE}/withdraw")
        assert f"{FOUND}/comparison" not in browser.get(f"{FOUND}/timeline").text


@pytest.mark.parametrize("where", ["Door", "nowhere", "1,2,3", ",", "north, east", "91, 0", "nan, 0"])
def test_a_place_that_is_none_is_refused_on_the_page(office: Office, where: str) -> None:
    """A camera that does not exist and degrees that are none change nothing, and the page says what to write."""
    kim = office.approved()
    with office.browser() as browser:
        signed_in(office, browser)
        assert tell(office, browser, where=where).status_code == 422
    assert kim.ask("GET", PATH) == []


def test_a_comparison_is_typed_in_the_clocks_of_patient_and_centre(
    office: Office, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A told stay as the list shows it, a visit that nobody told of in the centre's zone; each says which."""
    kim = with_route(office)
    early = {"start": "2026-11-24T05:00:00Z", "end": "2026-11-24T05:30:00Z"}
    row = kim.ask("POST", PATH, told(zone="America/New_York", **early))
    (seen_then,) = kim.ask("GET", f"{PATH}/comparison")["missed"]
    token = tmp_path / "kim.token"
    token.write_text(office.tokens["kim"])
    main(["testimony", "compare", CASE, "--api", office.url, "--token-file", str(token)])
    shown = capsys.readouterr().out
    at = datetime.fromisoformat(seen_then["start"]).astimezone(office.centre.zone)
    for wanted in (row["local_start"], "America/New_York", at.isoformat(timespec="seconds"), office.centre.zone.key):
        assert wanted in shown
    assert row["local_start"].endswith("-05:00")


def test_a_visit_without_a_zone_is_told_in_the_centres(office: Office) -> None:
    """A city elsewhere need not name its zone each time; a patient's own is kept as it was told."""
    office.app.state.centre = dataclasses.replace(office.centre, zone=ZoneInfo("Europe/Berlin"))
    kim = office.approved()
    assert kim.ask("POST", PATH, told())["zone"] == "Europe/Berlin"
    assert kim.ask("POST", PATH, told(zone="Asia/Tokyo"))["zone"] == "Asia/Tokyo"
