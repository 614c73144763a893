"""Places for the public: where contacts arose that are not all known, never near a home, nothing of the patient."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.cases.client import ApiRefused
from central.contacts.exposures import contacts, exposures
from central.database import writing
from central.errors import BadSettings
from central.nodes.service import put_cameras
from central.nodes.tables import Camera
from central.places.proposal import Choices, Proposal, ToldPrivate, UnknownPlace, Why, propose
from central.places.rules import RULES, load_place_rules
from central.places.service import sounds_private
from central.places.telling import PHRASES, places_csv, places_page
from central.routes.camera_graph import CameraPlace
from central.routes.route import Gap, Route
from tests.central.authority_fixtures import CASE
from tests.central.centre_fixtures import Office
from tests.central.found_route import PLACES, a_day, a_route, at, keep, meeting, visit
from tests.central.test_pages import form_key, signed_in, text_of

SEOUL = ZoneInfo("Asia/Seoul")
NEXT_DAY = datetime(2026, 11, 24, 3, tzinfo=UTC)
WHO, RULE = "KQ7MXA2B", "kdca-2022-01"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


def proposed(route: Route | None = None, now: datetime = NEXT_DAY, **choices: Any) -> Proposal:
    told: Sequence[tuple[Any, ...]] = choices.pop("told", ())
    found = route or a_day()
    met = contacts(exposures(found), RULE)
    return propose(found, met, Choices(**choices), load_place_rules(), now, SEOUL, [ToldPrivate(*one) for one in told])


def why(proposal: Proposal) -> dict[str, Why]:
    return {one.camera: one.why for one in proposal.left_out}


def met_at(camera: str, hour: int, minute: int = 0, minutes: float = 30) -> Any:
    start = at(hour, minute)
    return visit(camera, start, minutes, meeting(WHO, start, minutes, 0.8))


# what is proposed


def test_a_place_is_proposed_where_a_contact_arose() -> None:
    """The café, with its time rounded outward to half hours, until 14 days after the last contact there."""
    (cafe,) = proposed().places
    assert cafe.camera == "cafe"
    assert cafe.times == ((at(10), at(11, 30)),)
    assert cafe.remove_after == date(2026, 12, 7)
    assert why(proposed())["bakery-door"] is Why.NO_CONTACT


def test_a_place_whose_contacts_are_all_known_is_not_told() -> None:
    """The law asks for no more: nobody is left who has to be reached through the public."""
    left = proposed(all_known=frozenset({"cafe"}))
    assert left.places == ()
    assert why(left)["cafe"] is Why.ALL_KNOWN


def test_a_place_goes_when_its_time_is_over() -> None:
    """On the fourteenth day after the last contact it is still shown, on the fifteenth no more."""
    last = datetime(2026, 12, 7, 14, 59, tzinfo=UTC)  # 23:59 in Seoul
    assert [one.camera for one in proposed(now=last).places] == ["cafe"]
    over = proposed(now=last + timedelta(minutes=2))
    assert over.places == ()
    assert why(over)["cafe"] is Why.OVER


def test_stops_at_one_place_are_one_entry_and_touching_times_are_joined() -> None:
    """A list of places, not one person's way: each place once, by its name."""
    evening = visit("home-street", at(18))
    route = a_route(met_at("station", 9), met_at("cafe", 11), met_at("cafe", 13, 1), met_at("station", 16), evening)
    names = {"station": "Bucheon Station", "cafe": "Cafe Haneul"}
    found = proposed(route, names=names)
    assert [(one.name, len(one.times)) for one in found.places] == [("Bucheon Station", 2), ("Cafe Haneul", 2)]
    near = a_route(
        met_at("station", 9), met_at("cafe", 11), met_at("cafe", 12, 45), met_at("cafe", 13, 20), met_at("station", 16),
        evening,
    )  # fmt: skip
    times = {one.camera: one.times for one in proposed(near).places}
    assert times["cafe"] == ((at(11), at(11, 30)), (at(12, 30), at(14)))


# homes and places of work


def test_where_a_night_was_spent_is_left_out() -> None:
    """A stay over the hours after midnight is perhaps a home, with all other stops there and within 100 m."""
    start = at(23)
    night = visit("cafe", start, 7 * 60, meeting(WHO, start, 60, 0.8))
    route = a_route(met_at("cafe", 12), met_at("crossing", 14), night)
    found = proposed(route)
    assert found.places == ()
    assert set(why(found).values()) == {Why.NIGHT}
    assert why(found)["crossing"] is Why.NIGHT  # 84 m away


def test_where_the_patient_left_in_the_morning_is_left_out() -> None:
    """Last seen in the evening and first in the morning at one door: who talks there to a neighbour talks at home."""
    route = a_route(met_at("home-street", 19), met_at("home-street", 31), met_at("cafe", 34))
    found = proposed(route)
    assert [one.camera for one in found.places] == ["cafe"]
    assert why(found)["home-street"] is Why.NIGHT
    assert why(proposed())["bakery-door"] is Why.NO_CONTACT
    elsewhere = a_route(met_at("station", 20), met_at("home-street", 31))
    apart = replace(elsewhere, gaps=tuple(gap for gap in elsewhere.gaps if gap.after == 0))
    assert {one.camera for one in proposed(apart).places} == {"station", "home-street"}


def test_a_tracer_can_call_a_place_public_or_private() -> None:
    """A night club is public although a night was spent there; a place of work is private although nobody does."""
    start = at(24)
    club = a_route(visit("station", start, 5 * 60, meeting(WHO, start, 60, 0.8)))
    assert why(proposed(club))["station"] is Why.NIGHT
    assert [one.camera for one in proposed(club, public=frozenset({"station"})).places] == ["station"]
    assert why(proposed(private=frozenset({"cafe"})))["cafe"] is Why.PRIVATE


def test_what_the_patient_called_home_is_left_out() -> None:
    """A stop of which most lies within a told time at home or at work."""
    told = [(at(10, 15), at(11, 10))]
    assert why(proposed(told=told))["cafe"] is Why.TOLD_PRIVATE
    assert [one.camera for one in proposed(told=[(at(11), at(12))]).places] == ["cafe"]
    for words in ("my home", "Office", "집", "회사 근처", "친구 아파트", "hotel room"):
        assert sounds_private(words), words
    for words in ("bakery", "병원", "Homeplus market", "workshop fair", "카페"):
        assert not sounds_private(words), words


def test_a_camera_that_was_only_passed_can_be_called_a_home() -> None:
    """The camera at the door sees the patient for seconds and no contact: it is no stop, and keeps its 100 m free."""
    route = a_route(met_at("cafe", 12), visit("crossing", at(14)), met_at("station", 16), visit("home-street", at(18)))
    assert {one.camera for one in proposed(route).places} == {"cafe", "station"}
    assert proposed(route).passed == ("crossing", "home-street")
    found = proposed(route, private=frozenset({"crossing"}))
    assert [one.camera for one in found.places] == ["station"]
    assert why(found) == {"cafe": Why.PRIVATE}  # 84 m away
    both = proposed(route, private=frozenset({"crossing"}), public=frozenset({"cafe"}))
    assert {one.camera for one in both.places} == {"cafe", "station"}


def test_a_told_home_with_a_position_keeps_its_surroundings_off_the_list() -> None:
    """At whatever time the patient says to have been there."""
    night = at(2), at(6)
    route = a_route(met_at("cafe", 12), met_at("station", 14), visit("home-street", at(18)))
    found = proposed(route, told=[(*night, 37.50350, 126.76680)])
    assert [one.camera for one in found.places] == ["station"]
    assert why(found) == {"cafe": Why.TOLD_PRIVATE}
    for elsewhere in ((37.50200, 126.76500), (None, None), ()):
        assert len(proposed(route, told=[(*night, *elsewhere)]).places) == 2


def test_a_choice_for_a_camera_that_is_not_there_is_refused() -> None:
    """A mistyped name must not publish a home: it is refused, not overlooked."""
    for choice in ({"private": frozenset({"caffe"})}, {"names": {"caffe": "x"}}):
        with pytest.raises(UnknownPlace, match="caffe"):
            proposed(**choice)


def test_a_route_without_visits_makes_an_empty_list() -> None:
    """Nobody seen, nothing to tell; the page says so."""
    empty = Route((at(9), at(20)), gaps=(Gap(-1, at(9), at(33)),))
    found = proposed(empty)
    assert (found.places, found.left_out) == ((), ())
    assert "no place" in places_page(found, "en").content.decode()


@given(st.integers(0, 24 * 60), st.floats(15, 300))
def test_times_are_rounded_outward_and_to_half_hours_only(minute: int, minutes: float) -> None:
    """Whatever the stop, the span holds it whole, begins and ends on a half hour and is less than an hour longer."""
    start = at(9) + timedelta(minutes=minute, seconds=minute % 60)
    stop = visit("cafe", start, minutes, meeting(WHO, start, 15, 0.8))
    (place,) = proposed(a_route(stop), now=start, public=frozenset({"cafe"})).places
    ((first, last),) = place.times
    assert first <= stop.start < stop.end <= last
    assert (last - first) - (stop.end - stop.start) < timedelta(hours=1)
    assert {moment.minute % 30 for moment in (first, last)} == {0}
    assert {moment.second for moment in (first, last)} == {0}


# what the public sees


def test_the_published_forms_say_nothing_of_the_patient() -> None:
    """No case, no pseudonym, no camera, no exact time, no count, no mask, no order; a draft, and until when."""
    found = proposed(names={"cafe": "=Cafe <Haneul>"})
    page, table = places_page(found, "ko").content.decode(), places_csv(found, "ko").content.decode("utf-8-sig")
    for text in (page, table):
        for word in ("case-17", WHO, "ZP4T9CDE", "camera", "10:20", "11:05", "mask", "contact", "접촉"):
            assert word not in text.replace("contacts of", ""), word
        assert "초안" in text
        assert "2026-12-07" in text
        assert "37.5" not in text
    assert "<Haneul>" not in page
    nameless = proposed()
    assert "37.504, 126.7675" in places_page(nameless, "en").content.decode()
    assert "37.504,126.7675" in places_csv(nameless, "en").content.decode("utf-8-sig")
    assert "http" not in page.replace("http-equiv", "")
    (_, row) = list(csv.reader(io.StringIO(table, newline="")))
    assert row[0] == "'=Cafe <Haneul>"


def test_the_words_are_there_in_both_languages() -> None:
    """Each phrase has both, with the same blanks."""
    for english, korean in PHRASES.values():
        assert english != korean
        assert english.count("{") == korean.count("{")


def test_the_rules_say_where_they_come_from(tmp_path: Path) -> None:
    """Dated data with a source; malformed ones are refused with what to do."""
    rules = load_place_rules()
    assert rules.dated == "2020-12-30"
    assert "22-2" in rules.source
    assert rules.shown == timedelta(days=14)
    value = json.loads((RULES / f"{rules.name}.json").read_text())
    for wrong in (
        {"round_minutes": 7}, {"shown_days": 0}, {"shown_days": 10**12}, {"night_from": 9}, {"night_until": 24},
        {"night_from": -1}, {"night_hours": 0}, {"night_hours": 5}, {"night_hours": float("nan")}, {"name": "../x"},
        {"dated": None},
    ):  # fmt: skip
        (tmp_path / "r.json").write_text(json.dumps({**value, **wrong} if "dated" not in wrong else {}))
        with pytest.raises(BadSettings):
            load_place_rules(tmp_path / "r.json")


# over HTTP, by command, on the pages


def ready(office: Office) -> Any:
    client = office.approved()
    keep(office)
    return client


def test_a_draft_is_noted_and_only_for_who_works_on_the_case(office: Office) -> None:
    """The log has who drafted in which form; names of places are in the body, and in no address and no log."""
    kim = ready(office)
    found = kim.ask("POST", f"/cases/{CASE}/places", {"names": {"cafe": "Cafe Haneul"}})
    assert found["draft"] is True
    assert [(one["camera"], one["name"]) for one in found["places"]] == [("cafe", "Cafe Haneul")]
    assert [(one["camera"], one["why"]) for one in found["left_out"]] == [("bakery-door", "no contact")]
    last = office.audit()[-1]
    assert (last.account, last.action, last.case, last.detail) == ("kim", "read places", CASE, "json kdca-2022-01")
    for who, error in (("tam", "NotFound"), ("lee", "NotAllowed"), ("oda", "NotAllowed")):
        with pytest.raises(ApiRefused, match=error):
            office.as_(who).ask("POST", f"/cases/{CASE}/places", {})
    kim.ask("POST", f"/cases/{CASE}/withdraw")
    with pytest.raises(ApiRefused, match="CaseEnded"):
        kim.ask("POST", f"/cases/{CASE}/places", {})


def test_names_that_point_to_a_person_are_refused(office: Office) -> None:
    """A telephone number in a public list would be somebody's; so would a name over several lines be a trick."""
    kim = ready(office)
    for names, error in (
        ({"cafe": "call 010-1234-5678"}, "NamesSomebody"),
        ({"cafe": "x" * 201}, "BadRequest"),
        ({"cafe": "a\x1bb"}, "BadInput"),
        ({"no-such": "x"}, "UnknownPlace"),
        ({"../x": "x"}, "BadRequest"),
    ):
        with pytest.raises(ApiRefused, match=error):
            kim.ask("POST", f"/cases/{CASE}/places", {"names": names})
    with pytest.raises(ApiRefused, match="BadInput"):
        kim.ask("POST", f"/cases/{CASE}/places", {"private": ["cafe"], "public": ["cafe"]})
    with pytest.raises(ApiRefused, match="BadRequest"):
        kim.ask("POST", f"/cases/{CASE}/places", {"patient_age": 40})
    with pytest.raises(ApiRefused, match="UnknownPreset"):
        kim.ask("POST", f"/cases/{CASE}/places", {}, params={"preset": "=cmd"})
    assert not any("cmd" in one.detail for one in office.audit() if one.action == "read places")


def test_told_visits_keep_homes_off_the_list(office: Office) -> None:
    """What the patient told as home is heeded without being shown to anybody else."""
    kim = ready(office)
    times = {"start": at(10, 10).isoformat(), "end": at(11, 20).isoformat()}
    kim.ask("POST", f"/cases/{CASE}/testimony", {"place": "집 (원룸)", "zone": "Asia/Seoul", **times})
    found = kim.ask("POST", f"/cases/{CASE}/places", {})
    assert found["places"] == []
    assert "원룸" not in json.dumps(found, ensure_ascii=False)


def test_a_told_home_at_a_camera_or_with_degrees_is_heeded_at_any_time(office: Office) -> None:
    """Where the patient lives is kept free by its place too, not only by the hours of which they told."""
    kim = ready(office)
    with writing(office.engine) as session:
        door = PLACES["crossing"]  # 84 m from the café
        put_cameras(session, [Camera(**{n: getattr(door, n) for n in CameraPlace.__slots__})])
        session.commit()
    morning = {"start": at(7).isoformat(), "end": at(9).isoformat(), "zone": "Asia/Seoul"}
    for where in ({"camera": "crossing"}, {"latitude": door.latitude, "longitude": door.longitude}):
        assert kim.ask("POST", f"/cases/{CASE}/places", {})["places"]
        told = kim.ask("POST", f"/cases/{CASE}/testimony", {"place": "my home", **morning, **where})
        found = kim.ask("POST", f"/cases/{CASE}/places", {})
        assert found["places"] == []
        assert {"cafe", "told private"} in [{one["camera"], one["why"]} for one in found["left_out"]]
        kim.ask("DELETE", f"/cases/{CASE}/testimony/{told['id']}")


def test_the_draft_by_its_command(office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A table to choose from, then a file for its owner only that is not replaced by accident."""
    ready(office)
    office.typed("places", CASE)
    told = capsys.readouterr().out
    assert "until 2026-12-07" in told
    assert "no: no contact" in told
    out = tmp_path / "places.csv"
    office.typed("places", CASE, "--name", "cafe=카페 하늘", "--csv", str(out), "--language", "ko")
    assert "카페 하늘" in out.read_text("utf-8-sig")
    assert out.stat().st_mode & 0o777 == 0o600
    with pytest.raises(SystemExit, match="2"):
        office.typed("places", CASE, "--csv", str(out))
    office.typed("places", CASE, "--private", "cafe", "--html", str(tmp_path / "places.html"))
    assert "no place" in (tmp_path / "places.html").read_text()


def test_the_draft_on_its_page(office: Office) -> None:
    """Choices come back as they were made; the saved file is the public's, not the tracer's."""
    ready(office)
    path = f"/pages/cases/{CASE}/places"
    with office.browser() as browser:
        signed_in(office, browser)
        assert path in browser.get(f"/pages/cases/{CASE}").text
        page = browser.get(path)
        assert "nothing about the patient" in text_of(page)
        key = {"form_key": form_key(page)}
        named = browser.post(path, data={**key, "name.cafe": "Cafe <Haneul>", "what.bakery-door": "private"})
        assert 'value="Cafe &lt;Haneul&gt;"' in named.text
        assert 'value="private" selected' in named.text
        many = {f"what.{kind}-{n}": "" for n in range(300) for kind in ("a", "b")} | {
            f"name.c{n}": "" for n in range(300)
        }
        assert browser.post(path, data={**key, **many, "name.cafe": "Cafe Haneul"}).status_code == 200
        assert 'name="what.crossing" value="private"' in page.text
        passed = browser.post(path, data={**key, "what.crossing": "private"})
        assert 'name="what.crossing" value="private" checked' in passed.text
        assert "name.cafe" not in passed.text
        file = browser.post(path, data={**key, "name.cafe": "Cafe Haneul", "form": "csv"})
        assert file.headers["content-disposition"] == 'attachment; filename="places-draft.csv"'
        assert "Cafe Haneul" in file.content.decode("utf-8-sig")
        assert browser.post(path, data={"form_key": "x"}).status_code == 403
        assert browser.post(path, data={**key, "name.../x": "y"}).status_code == 422
        assert "공개 기한" in text_of(browser.get(path, params={"language": "ko"}))
