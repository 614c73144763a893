"""Exposures are facts; each dated preset makes its own contacts of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.contacts.exposures import Exposure, contact_to_map, contacts, exposure_to_map, exposures, judged
from central.contacts.presets import load_preset, preset_names
from central.contacts.pseudonyms import pseudonym, whom
from central.routes.camera_graph import CameraGraph, CameraPlace
from central.routes.reconstruct import reconstruct
from central.search.candidates import Candidate, Partner
from shared.epochs import Epoch, Modality
from shared.face_mask import FaceMask
from shared.sightings import REACHES_M
from tests.central.town import calibration

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
CAFE = CameraPlace("cafe", 37.5, 127.0, indoor=True, cell="c-1")
KDCA, CDC, WHO = "kdca-2022-01", "cdc-2020-10", "who-2021"
KEY = bytes(range(32))


def exposure(minutes: float = 20, at: float = 0, who: str = "AAAA", **changes: Any) -> Exposure:
    """A meeting `at` minutes after noon, near and bare-faced unless changed."""
    start = NOON + timedelta(minutes=at)
    plain: dict[str, Any] = {
        "pseudonym": who, "place": CAFE, "start": start, "end": start + timedelta(minutes=minutes),
        "min_distance_m": 0.8, "distance_error_m": 0.1, "patient_mask": FaceMask.ABSENT,
        "other_mask": FaceMask.ABSENT, "confidence": 0.99,
    }  # fmt: skip
    return Exposure(**plain | changes)


def by_preset(*facts: Exposure) -> dict[str, list[str]]:
    """Pseudonyms of the contacts by preset."""
    return {name: [one.pseudonym for one in contacts(facts, name)] for name in (KDCA, CDC, WHO)}


@pytest.mark.parametrize(
    ("metres", "expected"),
    [(0.9, {KDCA, CDC, WHO}), (1.0, {KDCA, CDC, WHO}), (1.5, {KDCA, CDC}), (1.83, {KDCA}), (2.0, {KDCA}), (2.1, set())],
)
def test_each_preset_has_its_own_distance(metres: float, expected: set[str]) -> None:
    """Up to 1 m by WHO, under 1.83 m by CDC, up to 2 m by KDCA."""
    found = by_preset(exposure(min_distance_m=metres))
    assert {name for name, people in found.items() if people} == expected


def test_fifteen_minutes_are_enough_and_less_are_not() -> None:
    """Exactly 15 minutes make a contact by every preset, 14.9 by none."""
    assert all(by_preset(exposure(15)).values())
    assert not any(by_preset(exposure(14.9)).values())


@pytest.mark.parametrize(("near_s", "expected"), [
    ((0, 0, 0, 0, 1800), set()),
    ((0, 0, 0, 900, 1800), {KDCA}),
    ((0, 0, 900, 900, 1800), {KDCA, CDC}),
    ((900, 900, 900, 900, 1800), {KDCA, CDC, WHO}),
    ((899, 899, 899, 899, 1800), set()),
])  # fmt: skip
def test_only_the_time_within_a_rules_own_distance_counts(near_s: tuple[float, ...], expected: set[str]) -> None:
    """Half an hour within 3 m is a contact by those rules within whose distance 15 minutes of it were spent."""
    found = by_preset(exposure(30, near_s=near_s))
    assert {name for name, people in found.items() if people} == expected


def test_a_box_that_did_not_count_gives_the_whole_time() -> None:
    """A batch of schema 1 knows the nearest distance only, and errs on the side of telling somebody."""
    assert all(by_preset(exposure(15, near_s=None)).values())


def test_minutes_with_one_person_add_up_over_meetings() -> None:
    """Two meetings of eight minutes make a contact of one person, and none of two."""
    assert by_preset(exposure(8), exposure(8, at=60))[CDC] == ["AAAA"]
    assert by_preset(exposure(8), exposure(8, at=60, who="BBBB"))[CDC] == []


def test_cdc_minutes_add_up_within_a_day_only() -> None:
    """Eight minutes today and eight two days later are no contact by CDC, and one by KDCA, which names no span."""
    found = by_preset(exposure(8), exposure(8, at=48 * 60))
    assert (found[CDC], found[KDCA]) == ([], ["AAAA"])
    assert by_preset(exposure(8), exposure(8, at=24 * 60 - 16))[CDC] == ["AAAA"]


def test_the_best_day_may_end_with_a_meeting() -> None:
    """Of a long meeting that lies only partly within 24 hours of the next, that part counts."""
    facts = (exposure(20, at=0), exposure(10, at=24 * 60 + 4))
    (contact,) = contacts(facts, CDC)
    assert contact.minutes == pytest.approx(20)
    facts = (exposure(12, at=0), exposure(10, at=24 * 60 - 6))
    (contact,) = contacts(facts, CDC)
    assert contact.minutes == pytest.approx(18)


def test_one_meeting_seen_by_two_cameras_counts_once() -> None:
    """Overlapping exposures of one person are not added up twice."""
    (contact,) = contacts((exposure(16), exposure(16, at=2)), KDCA)
    assert contact.minutes == pytest.approx(18)


@pytest.mark.parametrize("patient", list(FaceMask))
@pytest.mark.parametrize("other", list(FaceMask))
def test_only_kdca_asks_for_masks_and_only_two_proper_ones_protect(patient: FaceMask, other: FaceMask) -> None:
    """A minute counts by KDCA unless both wear a mask properly; for CDC and WHO masks make no difference."""
    found = by_preset(exposure(patient_mask=patient, other_mask=other))
    assert bool(found[KDCA]) == ((patient, other) != (FaceMask.WORN, FaceMask.WORN))
    assert found[CDC]
    assert found[WHO]


def test_minutes_with_masks_not_seen_count_and_are_shown() -> None:
    """Unknown masks count, and how many minutes rest on them is told; a bare face beside them settles it."""
    (contact,) = contacts([exposure(20, other_mask=FaceMask.UNKNOWN, patient_mask=FaceMask.WORN)], KDCA)
    assert contact.unknown_minutes == pytest.approx(20)
    (contact,) = contacts([exposure(20, other_mask=FaceMask.UNKNOWN)], KDCA)
    assert contact.unknown_minutes == 0
    (contact,) = contacts([exposure(20, other_mask=FaceMask.UNKNOWN, patient_mask=FaceMask.WORN)], CDC)
    assert contact.unknown_minutes == 0


def counted(metres: float, minutes: float = 20) -> tuple[float, ...]:
    """What a box counts of two who keep this distance."""
    return tuple(60 * minutes * (metres <= reach) for reach in REACHES_M)


def test_a_distance_that_may_be_too_far_makes_the_contact_uncertain() -> None:
    """Within the limit by measure and perhaps not in truth: a contact, and it is said that it may be none."""
    (contact,) = contacts([exposure(min_distance_m=0.95, distance_error_m=0.1, near_s=counted(0.95))], WHO)
    assert (contact.uncertain, contact.because) == (True, ("distance",))
    (contact,) = contacts([exposure(min_distance_m=0.5, distance_error_m=0.1, near_s=counted(0.5))], CDC)
    assert (contact.uncertain, contact.because) == (False, ())


@pytest.mark.parametrize(("minutes", "expected"), [(14 + 59 / 60, False), (15, True), (15 + 1 / 60, True)])
@pytest.mark.parametrize("preset", [KDCA, CDC, WHO])
def test_fifteen_minutes_to_the_second(preset: str, minutes: float, expected: bool) -> None:
    """14:59 is no contact by any rule and 15:00 is one, in one piece or in fifteen."""
    pieces = [exposure(minutes / 15, at=k * 2 * minutes) for k in range(15)]
    for facts in ([exposure(minutes)], pieces):
        assert bool(contacts(facts, preset)) is expected


@pytest.mark.parametrize(("preset", "inside", "outside"), [(KDCA, 2.0, 2.01), (CDC, 1.82, 1.83), (WHO, 1.0, 1.01)])
def test_the_distance_to_the_centimetre(preset: str, inside: float, outside: float) -> None:
    """2.00 m counts by KDCA and 2.01 m does not; by CDC 1.83 m, which is six feet, does not count any more."""
    assert contacts([exposure(min_distance_m=inside, near_s=counted(inside))], preset)
    assert not contacts([exposure(min_distance_m=outside, near_s=counted(outside))], preset)


def test_near_the_limit_the_minutes_are_a_range() -> None:
    """Of 13 minutes within 1 m and 17 within 1.5 m, with an error of half a metre, WHO's are 0 to 17: no contact as
    measured, perhaps one in truth, and it is told with its reason; nobody who was certainly far is."""
    at_the_limit = exposure(30, distance_error_m=0.5, near_s=(780, 1020, 1100, 1200, 1800))
    assert not contacts([at_the_limit], WHO)
    (one,) = judged([at_the_limit], WHO)
    assert (one.counts, one.uncertain, one.because) == (False, True, ("distance",))
    assert (one.least_minutes, one.minutes, one.most_minutes) == (0, 13, 17)
    assert judged([exposure(30, min_distance_m=1.9, near_s=counted(1.9))], WHO) == ()


def test_without_a_distance_the_minutes_in_one_view_are_shown_and_do_not_count() -> None:
    """Twenty minutes in one room, no distance measured: perhaps a contact by every rule, and none as measured."""
    for preset in (KDCA, CDC, WHO):
        assert not contacts([exposure(min_distance_m=None)], preset)
        (one,) = judged([exposure(min_distance_m=None)], preset)
        assert (one.minutes, one.most_minutes, one.nearest_m) == (0, 20, None)
        assert (one.indoor_minutes, one.because) == (20, ("no_distance",))
        assert judged([exposure(10, min_distance_m=None)], preset) == ()


def test_a_rule_may_count_one_room_without_a_distance() -> None:
    """A city whose rule says so finds a contact in the minutes spent in one view."""
    rule = replace(load_preset(WHO), name="one-room", unmeasured_counts=True)
    (one,) = contacts([exposure(min_distance_m=None)], rule)
    assert (one.minutes, one.least_minutes, one.uncertain) == (20, 20, False)


def test_minutes_indoors_are_told_apart() -> None:
    """Ten minutes in the café and eight in the street make 18 of which ten were indoors."""
    street = replace(CAFE, camera="street", indoor=False)
    (one,) = contacts([exposure(10), exposure(8, at=30, place=street)], KDCA)
    assert (one.minutes, one.indoor_minutes) == pytest.approx((18, 10))


def test_one_person_over_two_cameras_is_one_contact() -> None:
    """Nine minutes before one camera of an epoch and nine before the next add up, and both places are told."""
    door = replace(CAFE, camera="door")
    (one,) = contacts([exposure(9), exposure(9, at=9, place=door)], CDC)
    assert one.minutes == pytest.approx(18)
    assert [fact.place.camera for fact in one.exposures] == ["cafe", "door"]


def table(*seats: tuple[str, float, float, float]) -> list[Exposure]:
    """People at one table: name, from which minute, for how many, at what distance."""
    return [
        exposure(minutes, at=at, who=who, min_distance_m=metres, near_s=counted(metres, minutes))
        for who, at, minutes, metres in seats
    ]


def test_who_cannot_be_followed_into_the_next_hour_is_never_added_up() -> None:
    """Nine minutes with A until the hour, nine with B at the same place after it: two people as measured, no contact,
    and both are shown as perhaps one."""
    facts = table(("AAAA", 0, 9, 0.8), ("BBBB", 9.2, 9, 0.9))
    assert not contacts(facts, CDC)
    first, second = judged(facts, CDC)
    assert (first.pseudonym, first.perhaps, first.because) == ("AAAA", ("BBBB",), ("another_name",))
    assert (second.pseudonym, second.perhaps) == ("BBBB", ("AAAA",))
    assert second.minutes == pytest.approx(9)
    assert first.most_minutes == pytest.approx(9)


@pytest.mark.parametrize("seats", [
    (("AAAA", 0, 9, 0.8), ("BBBB", 9.6, 9, 0.8)),
    (("AAAA", 0, 9, 0.8), ("BBBB", 9.2, 9, 1.4)),
    (("AAAA", 0, 9, 0.8), ("BBBB", 8.8, 9, 0.8)),
    (("AAAA", 0, 9, 0.8), ("BBBB", 9.2, 9, 0.8), ("CCCC", 9.3, 9, 0.7)),
    (("AAAA", 0, 9, 0.8), ("BBBB", 9.2, 9, 0.8), ("AAAA", 12, 3, 0.8)),
], ids=["too late", "elsewhere at the table", "both there at once", "two who came", "the first came back"])  # fmt: skip
def test_it_is_not_said_of_people_who_are_two(seats: tuple[tuple[str, float, float, float], ...]) -> None:
    """Perhaps one person only where one took the other's place at once, and clearly so."""
    assert all(one.perhaps == () for one in judged(table(*seats), CDC))


def test_long_stays_are_tied_over_several_hours() -> None:
    """Three pseudonyms of one seat are told with each other, whatever the order of the facts."""
    facts = table(("AAAA", 0, 40, 0.8), ("BBBB", 40.2, 59, 0.85), ("CCCC", 99.4, 30, 0.8))
    for some in (facts, facts[::-1]):
        assert {one.pseudonym: one.perhaps for one in contacts(some, KDCA)} == {
            "AAAA": ("BBBB", "CCCC"), "BBBB": ("AAAA", "CCCC"), "CCCC": ("AAAA", "BBBB"),
        }  # fmt: skip


def test_the_least_certain_visit_is_told() -> None:
    """A contact rests on the patient having been there: the lowest confidence among its visits is shown."""
    (one,) = contacts([exposure(10, confidence=0.97), exposure(10, at=20, confidence=0.61)], KDCA)
    assert one.confidence == 0.61


def test_masks_change_over_a_meeting() -> None:
    """Of half an hour with both masked, then the patient's off, then on again, only the bare minutes count by KDCA."""
    worn: dict[str, Any] = {"patient_mask": FaceMask.WORN, "other_mask": FaceMask.WORN}
    bare = {"patient_mask": FaceMask.ABSENT}
    pieces = [exposure(10, **worn), exposure(10, at=10, **worn | bare), exposure(10, at=20, **worn)]
    assert not contacts(pieces, KDCA)
    assert [one.minutes for one in contacts(pieces, CDC)] == pytest.approx([30])


pieces = st.tuples(
    st.integers(0, 2000), st.integers(1, 40), st.sampled_from([0.4, 0.95, 1.2, 1.9, 2.4, None]),
    st.floats(0, 0.5), st.sampled_from(list(FaceMask)), st.booleans(),
)  # fmt: skip


@st.composite
def facts_of_one_person(draw: st.DrawFn) -> list[Exposure]:
    """Meetings with one person, some at once before two cameras, with and without counted seconds."""
    rows = draw(st.lists(pieces, min_size=1, max_size=8))
    return [
        exposure(
            minutes, at=at, min_distance_m=metres, distance_error_m=error, other_mask=mask,
            near_s=counted(metres, minutes) if metres is not None and has_counted else None,
        )
        for at, minutes, metres, error, mask, has_counted in rows
    ]  # fmt: skip


def sums(facts: Sequence[Exposure], preset: str) -> list[tuple[Any, ...]]:
    """What a preset makes of them: who counts, and the measured, least and most minutes."""
    return [
        (c.pseudonym, c.counts, *(round(m, 6) for m in (c.minutes, c.least_minutes, c.most_minutes)))
        for c in judged(facts, preset)
    ]


ANY = st.sampled_from([KDCA, CDC, WHO])


@given(facts_of_one_person(), st.randoms(), ANY)
def test_the_order_of_meetings_does_not_matter(facts: list[Exposure], random: Random, preset: str) -> None:
    """Any order of the same meetings, overlapping ones among them, gives the same minutes."""
    mixed = list(facts)
    random.shuffle(mixed)
    assert sums(mixed, preset) == sums(facts, preset)


@given(facts_of_one_person(), st.floats(0.1, 0.9), ANY)
def test_splitting_a_meeting_changes_nothing(facts: list[Exposure], at: float, preset: str) -> None:
    """A track that broke in two, each part with its share of the seconds, counts as one that did not."""
    whole = facts[0]
    middle = whole.start + timedelta(seconds=round((whole.end - whole.start).total_seconds() * at))
    part = (middle - whole.start) / (whole.end - whole.start)
    first = replace(whole, end=middle, near_s=whole.near_s and tuple(s * part for s in whole.near_s))
    second = replace(whole, start=middle, near_s=whole.near_s and tuple(s * (1 - part) for s in whole.near_s))
    one, other = (sums(some, preset) for some in ([first, second, *facts[1:]], facts))
    assert [c[:2] for c in one] == [c[:2] for c in other]
    assert [c[2:] for c in one] == [pytest.approx(c[2:], abs=1e-4) for c in other]


@given(facts_of_one_person(), st.integers(0, 2000), st.integers(1, 40), ANY)
def test_somebody_far_away_changes_nothing(facts: list[Exposure], at: int, minutes: int, preset: str) -> None:
    """Minutes at 2.9 m, of the same person or of another, neither add nor take."""
    for who in ("AAAA", "BBBB"):
        far = exposure(minutes, at=at, who=who, min_distance_m=2.9, distance_error_m=0.1, near_s=counted(2.9, minutes))
        assert sums([*facts, far], preset) == sums(facts, preset)


@given(facts_of_one_person(), facts_of_one_person(), ANY)
def test_more_meetings_never_make_less_of_a_contact(some: list[Exposure], more: list[Exposure], preset: str) -> None:
    """The measured minutes lie between least and most, and none of the three falls when a meeting is added."""
    for found in judged([*some, *more], preset):
        assert found.least_minutes <= found.minutes + 1e-6 <= found.most_minutes + 2e-6
    for less in judged(some, preset):
        (now,) = judged([*some, *more], preset)
        assert now.minutes >= less.minutes - 1e-6
        assert now.least_minutes >= less.least_minutes - 1e-6
        assert now.most_minutes >= less.most_minutes - 1e-6


def met_by_the_patient() -> Candidate:
    at = NOON
    partners = (
        Partner(41, at, at + timedelta(minutes=9), 0.7, 0.2, FaceMask.ABSENT, person=3),
        Partner(57, at + timedelta(minutes=9), at + timedelta(minutes=18), 1.2, 0.2, FaceMask.UNKNOWN, person=3),
        Partner(77, at, at + timedelta(minutes=16), 1.9, 0.3, FaceMask.WORN),
    )
    return Candidate(
        "node-1/5/40", "node-1", "cafe", at, at + timedelta(minutes=18), Modality.FACE, 90, 1024, FaceMask.WORN,
        0.9, None, None, Epoch.at("c-1", at), partners,
    )  # fmt: skip


def test_meetings_of_a_route_become_exposures_under_pseudonyms() -> None:
    """Two sightings of one linked person share a pseudonym, and no stranger's sighting is in what is answered."""
    window = (NOON - timedelta(hours=1), NOON + timedelta(hours=2))
    candidate = met_by_the_patient()
    route = reconstruct([candidate], CameraGraph([CAFE]), window, calibration(), searched=40, pseudonym_key=KEY)
    facts = exposures(route)
    assert len({one.pseudonym for one in facts}) == 2
    assert facts[0].pseudonym == pseudonym(KEY, whom(candidate, candidate.partners[0]))
    assert {one.indoor for one in facts} == {True}
    (linked,) = contacts(facts, KDCA)  # the third wore a mask as the patient did
    assert (linked.pseudonym, round(linked.minutes), round(linked.unknown_minutes)) == (facts[0].pseudonym, 18, 9)
    answered = json.dumps([contact_to_map(one) for name in preset_names() for one in contacts(facts, name)])
    assert contact_to_map(linked)["pseudonym"] in answered
    assert all(f"/{p.number}" not in answered and "node-1" not in answered for p in candidate.partners)


def test_pseudonyms_of_two_cases_have_nothing_in_common() -> None:
    """One person has the same name within a case, and another under another case's key."""
    assert pseudonym(KEY, "person c-1 3") == pseudonym(KEY, "person c-1 3")
    assert pseudonym(KEY, "person c-1 3") != pseudonym(KEY[::-1], "person c-1 3")
    assert pseudonym(KEY, "person c-1 3") != pseudonym(KEY, "person c-1 31")


def test_bystanders_of_two_cases_cannot_be_linked() -> None:
    """The same people, met by the patients of two cases, have no name in common; by their facts alone they are told
    with place and time, and nothing of a node, a track or a number of the search."""
    keys, window = (KEY, KEY[::-1]), (NOON - timedelta(hours=1), NOON + timedelta(hours=2))
    told = []
    for key in keys:
        route = reconstruct(
            [met_by_the_patient()], CameraGraph([CAFE]), window, calibration(), searched=40, pseudonym_key=key
        )
        told.append([exposure_to_map(one) for one in exposures(route)])
    names = [{one["pseudonym"] for one in of_case} for of_case in told]
    assert len(names[0]) == len(names[1]) == 2
    assert not names[0] & names[1]
    known = {"pseudonym", "camera", "latitude", "longitude", "indoor", "start", "end", "minutes", "near_s",
             "min_distance_m", "distance_error_m", "patient_mask", "other_mask", "confidence"}  # fmt: skip
    assert {field for of_case in told for one in of_case for field in one} == known
