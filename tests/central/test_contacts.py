"""Exposures are facts; each dated preset makes its own contacts of them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.contacts.exposures import Exposure, contact_to_map, contacts, exposures
from central.contacts.presets import PRESETS, BadPreset, UnknownPreset, load_preset, preset_names
from central.contacts.pseudonyms import pseudonym, whom
from central.routes.camera_graph import CameraGraph, CameraPlace
from central.routes.reconstruct import reconstruct
from central.search.candidates import Candidate, Partner
from shared.epochs import Epoch, Modality
from shared.face_mask import FaceMask
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


def judged(*facts: Exposure) -> dict[str, list[str]]:
    """Pseudonyms of the contacts by preset."""
    return {name: [one.pseudonym for one in contacts(facts, name)] for name in (KDCA, CDC, WHO)}


def test_the_presets_are_dated_data() -> None:
    """The three presets load from files that say of when they are and where they come from."""
    assert set(preset_names()) == {KDCA, CDC, WHO}
    for name in preset_names():
        preset = load_preset(name)
        assert preset.name == name
        assert preset.dated.startswith(("2020", "2021", "2022"))
        assert len(preset.source) > 40


@pytest.mark.parametrize(
    ("metres", "expected"),
    [(0.9, {KDCA, CDC, WHO}), (1.0, {KDCA, CDC, WHO}), (1.5, {KDCA, CDC}), (1.83, {KDCA}), (2.0, {KDCA}), (2.1, set())],
)
def test_each_preset_has_its_own_distance(metres: float, expected: set[str]) -> None:
    """Up to 1 m by WHO, under 1.83 m by CDC, up to 2 m by KDCA."""
    found = judged(exposure(min_distance_m=metres))
    assert {name for name, people in found.items() if people} == expected


def test_fifteen_minutes_are_enough_and_less_are_not() -> None:
    """Exactly 15 minutes make a contact by every preset, 14.9 by none."""
    assert all(judged(exposure(15)).values())
    assert not any(judged(exposure(14.9)).values())


@pytest.mark.parametrize(("near_s", "expected"), [
    ((0, 0, 0, 0, 1800), set()),
    ((0, 0, 0, 900, 1800), {KDCA}),
    ((0, 0, 900, 900, 1800), {KDCA, CDC}),
    ((900, 900, 900, 900, 1800), {KDCA, CDC, WHO}),
    ((899, 899, 899, 899, 1800), set()),
])  # fmt: skip
def test_only_the_time_within_a_rules_own_distance_counts(near_s: tuple[float, ...], expected: set[str]) -> None:
    """Half an hour within 3 m is a contact by those rules within whose distance 15 minutes of it were spent."""
    found = judged(exposure(30, near_s=near_s))
    assert {name for name, people in found.items() if people} == expected


def test_a_box_that_did_not_count_gives_the_whole_time() -> None:
    """A batch of schema 1 knows the nearest distance only, and errs on the side of telling somebody."""
    assert all(judged(exposure(15, near_s=None)).values())


def test_minutes_with_one_person_add_up_over_meetings() -> None:
    """Two meetings of eight minutes make a contact of one person, and none of two."""
    assert judged(exposure(8), exposure(8, at=60))[CDC] == ["AAAA"]
    assert judged(exposure(8), exposure(8, at=60, who="BBBB"))[CDC] == []


def test_cdc_minutes_add_up_within_a_day_only() -> None:
    """Eight minutes today and eight two days later are no contact by CDC, and one by KDCA, which names no span."""
    found = judged(exposure(8), exposure(8, at=48 * 60))
    assert (found[CDC], found[KDCA]) == ([], ["AAAA"])
    assert judged(exposure(8), exposure(8, at=24 * 60 - 16))[CDC] == ["AAAA"]


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
    found = judged(exposure(patient_mask=patient, other_mask=other))
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


def test_a_distance_that_may_be_too_far_makes_the_contact_uncertain() -> None:
    """Within the limit by measure and perhaps not in truth: a contact, and marked."""
    (contact,) = contacts([exposure(min_distance_m=0.95, distance_error_m=0.1)], WHO)
    assert contact.uncertain
    (contact,) = contacts([exposure(min_distance_m=0.5, distance_error_m=0.1)], WHO)
    assert not contact.uncertain


@given(st.permutations([exposure(k + 3, at=9 * k, who="AABBC"[k % 5] * 4) for k in range(9)]))
def test_the_order_of_facts_does_not_matter(facts: list[Exposure]) -> None:
    """Any order of the same exposures gives the same contacts."""
    usual = sorted(facts, key=lambda one: (one.start, one.pseudonym))
    for preset in preset_names():
        mixed, straight = contacts(facts, preset), contacts(usual, preset)
        assert [(c.pseudonym, c.minutes) for c in mixed] == [(c.pseudonym, c.minutes) for c in straight]


def test_an_unknown_preset_is_refused_with_those_that_exist() -> None:
    """The refusal names the presets, and no path is followed."""
    with pytest.raises(UnknownPreset) as refusal:
        load_preset("../presets/who-2021")
    assert KDCA in refusal.value.hint


@pytest.mark.parametrize("spoil", [{"minutes": 0}, {"distance_m": "far"}, {"name": "No Name"}, {"within_hours": -1}])
def test_a_spoilt_preset_is_refused(spoil: dict[str, object], tmp_path: Path) -> None:
    """A preset without sense raises BadPreset, and so does one that is no JSON."""
    value = json.loads((PRESETS / f"{WHO}.json").read_text())
    tmp_path.joinpath("mine.json").write_text(json.dumps(value | spoil))
    with pytest.raises(BadPreset):
        load_preset("mine", tmp_path)
    tmp_path.joinpath("torn.json").write_text("{")
    with pytest.raises(BadPreset):
        load_preset("torn", tmp_path)


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
