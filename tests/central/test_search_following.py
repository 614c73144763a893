"""Who was met is followed from one broken track to the next: same spot, at once, and nothing says that they are two."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from central.contacts.exposures import contacts, exposures
from central.contacts.meetings import meetings_of
from central.routes.camera_graph import CameraPlace
from central.routes.route import Route, Visit
from central.search import neighbours
from central.search.candidates import Candidate
from central.search.following import CLOTHES_ALIKE, FACES_APART, SAME_SPOT_CM
from shared.face_mask import FaceMask
from shared.sightings import Encounter, Sighting
from tests.central.joined import Hit, all_of, joining, took
from tests.central.test_search_neighbours import MINUTE, NEXT, batch, flipped, joined, seen
from tests.shared.test_batches import EPOCH

PATIENT = 1
FACE, OTHER = (np.random.default_rng(seed).bytes(128) for seed in (1, 2))
CLOTHES, OTHERS = (np.random.default_rng(seed).bytes(64) for seed in (3, 4))


@pytest.fixture(params=[1, neighbours.TOGETHER], autouse=True)
def together(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found does not depend on how many batches are joined at once."""
    monkeypatch.setattr(neighbours, "TOGETHER", request.param)


def seat(number: int, minute: float, minutes: float = 5, **changes: Any) -> Sighting:
    """A piece of somebody's stay, without a face unless one is given."""
    plain = {"face_code": None, "appearance_code": CLOTHES}
    return seen(number, minute, minutes, **{**plain, **changes})


def beside(one: Sighting, metres: float = 0.8) -> Encounter:
    """The patient and somebody as long as the other was followed."""
    length = (one.end - one.start).total_seconds()
    return Encounter(PATIENT, one.number, one.start, one.end, metres, 0.1, (length,) * 5)


def met_with(*pieces: Sighting) -> Candidate:
    """A patient who was there for an hour and met all of these."""
    everything = [seen(PATIENT, 0, 90), *pieces]
    (found,) = joined([batch(everything, [beside(one) for one in pieces])], {PATIENT})
    return found


def people(candidate: Candidate) -> dict[int, int | None]:
    return {p.number: p.person for p in candidate.partners}


def same(*pieces: Sighting) -> bool:
    """Whether all of them are told as one person."""
    numbers = set(people(met_with(*pieces)).values())
    return len(numbers) == 1 and None not in numbers


def test_three_tracks_of_which_one_has_no_face_are_one_person() -> None:
    """Fifteen minutes at a table in three pieces: one pseudonym, and a contact by every rule."""
    last = seat(4, 11.2, 5.5, face_code=flipped(FACE, 300, 1))
    pieces = [seat(2, 1, 5, face_code=FACE), seat(3, 6.1, 5, mask=FaceMask.UNKNOWN), last]
    found = met_with(*pieces)
    assert people(found) == {2: 0, 3: 0, 4: 0}
    place = CameraPlace("cam-1", 37.5, 127.0, indoor=True, cell=EPOCH.cell)
    window = (EPOCH.start, EPOCH.end)
    bare = replace(found, mask=FaceMask.ABSENT)
    route = Route(window, (Visit(bare, 1.0, place, meetings_of(bare, {bare.sighting}, bytes(32))),))
    for preset in ("kdca-2022-01", "cdc-2020-10", "who-2021"):
        (one,) = contacts(exposures(route), preset)
        assert one.minutes == pytest.approx(15.5)


def test_somebody_who_never_shows_a_face_is_followed() -> None:
    """Two pieces without a face are one person with a number of their own; one piece alone has none."""
    assert people(met_with(seat(2, 1), seat(3, 6.1), seat(4, 30), seat(5, 40, face_code=FACE))) == {
        2: 1, 3: 1, 4: None, 5: 0,
    }  # fmt: skip


@pytest.mark.parametrize(("change", "followed"), [
    ({}, True),
    ({"minute": 6.49}, True), ({"minute": 6.51}, False),  # half a minute later
    ({"minute": 5.99}, True), ({"minute": 5.9}, False),  # a tracker's overlap
    ({"east_m": 1.5 + SAME_SPOT_CM / 100}, True), ({"east_m": 1.52 + SAME_SPOT_CM / 100}, False),
    ({"east_m": None, "north_m": None}, False),
    ({"camera": "cam-2"}, False),
    ({"appearance_code": flipped(CLOTHES, CLOTHES_ALIKE, 5)}, True),
    ({"appearance_code": flipped(CLOTHES, CLOTHES_ALIKE + 1, 5)}, False),
    ({"appearance_code": None}, True),
    ({"face_code": flipped(FACE, FACES_APART, 6)}, True), ({"face_code": flipped(FACE, FACES_APART + 1, 6)}, False),
    ({"minutes": 0.5}, True), ({"minutes": 0.4}, False),  # no stay
    ({"mask": FaceMask.WORN}, True), ({"mask": FaceMask.ABSENT}, True),  # masks come off at a table
])  # fmt: skip
def test_what_makes_two_tracks_one(change: dict[str, Any], followed: bool) -> None:
    """Time, place, camera, clothes and face, each up to its bound and not beyond it."""
    after = seat(**{"number": 3, "minute": 6.1, **change})
    assert same(seat(2, 1, 5, face_code=FACE, mask=FaceMask.ABSENT), after) is followed


def test_it_must_be_clear_who_took_whose_place() -> None:
    """Where two left one spot at a time, or two came, nobody is taken for anybody."""
    assert people(met_with(seat(2, 1), seat(3, 1), seat(4, 6.1))) == {2: None, 3: None, 4: None}
    assert people(met_with(seat(2, 1), seat(3, 6.1), seat(4, 6.2))) == {2: None, 3: None, 4: None}


def test_two_who_were_there_at_once_are_never_one() -> None:
    """A face that comes back elsewhere at the table while its first seat is taken by another keeps its number; the one
    who sits there now is not given it."""
    pieces = (seat(2, 1, face_code=FACE), seat(3, 4, 20, face_code=FACE, east_m=4.0), seat(4, 6.1, 5))
    assert people(met_with(*pieces)) == {2: 0, 3: 0, 4: None}


def test_a_chain_does_not_join_two_faces() -> None:
    """Somebody without a face between two who look like two people: one of them is given it, and they stay two."""
    found = people(met_with(seat(2, 1, face_code=FACE), seat(3, 6.1), seat(4, 11.2, face_code=OTHER)))
    assert found[2] != found[4]


def test_nobody_is_followed_over_an_hours_border_or_to_another_boot() -> None:
    """The same seat and clothes in the next epoch, whose codes mean something else, are somebody else's."""
    before, after = seat(2, 54, 5.9), seat(3, 60.1, 5)
    patient = batch([seen(PATIENT, 0, 90)])
    stream = [patient, batch([before], [beside(before)]), batch([after], [beside(after)], NEXT)]
    (found,) = joined(stream, {PATIENT})
    assert people(found) == {2: None, 3: None}


def test_two_cases_number_people_apart() -> None:
    """What one case was answered does not depend on whom another's patient met."""
    pieces = [seat(2, 1), seat(3, 6.1), seat(4, 30, east_m=9.0), seat(5, 35.1, east_m=9.0)]
    rows = batch([seen(PATIENT, 0, 20), seen(9, 29, 20), *pieces], [
        *(beside(one) for one in pieces[:2]), *(replace(beside(one), a=9) for one in pieces[2:]),
    ])  # fmt: skip
    near = joining((0, 2**62), (0, 2**62))
    found = [took(near, replace(rows, cases=0b11), [Hit(0, case=0), Hit(1, case=1)]), near.finish()]
    assert [people(all_of(near, found, case)[0]) for case in (0, 1)] == [{2: 0, 3: 0}, {4: 0, 5: 0}]


def test_a_number_that_was_answered_stays() -> None:
    """The patient is found before and after the hour turned: a track that both visits met has one number in both
    answers, and a piece that follows it is given that number."""
    first, long, later = (
        seat(2, 40, 5, face_code=FACE),
        seat(3, 45.1, 20),
        seat(4, 59.5, 3, east_m=9.0, face_code=OTHER),
    )
    one, other = seen(PATIENT, 35, 15), seen(9, 58, 20)
    stream = [
        batch([one, first], [beside(first)]),
        batch([other, long, later], [beside(long), replace(beside(long), a=9), replace(beside(later), a=9)]),
        batch([seen(20, 121)], epoch=replace(NEXT, hour=NEXT.hour + 1)),
    ]
    found = {one.sighting: people(one) for one in joined(stream, {PATIENT, 9})}
    assert found["node-1/1/1"] == {2: 0, 3: 0}
    assert found["node-1/1/9"][3] == 0
    assert found["node-1/1/9"][4] != 0


@st.composite
def tables(draw: st.DrawFn) -> list[Sighting]:
    """Some seats, each with a stay that breaks into pieces, with and without faces, in both mask states."""
    pieces = list[Sighting]()
    for place in range(draw(st.integers(1, 4))):
        minute, face = draw(st.floats(0, 5)), np.random.default_rng(50 + place).bytes(128)
        for _ in range(draw(st.integers(1, 4))):
            minutes, gap = draw(st.floats(0.2, 9)), draw(st.floats(0.05, 0.8))
            mask = draw(st.sampled_from([FaceMask.ABSENT, FaceMask.WORN]))
            shown = face if draw(st.booleans()) else None
            pieces.append(seat(10 + len(pieces), minute, minutes, east_m=3.0 * place, mask=mask, face_code=shown))
            minute += minutes + gap
    return pieces


def groups(candidates: Sequence[Candidate]) -> set[frozenset[int]]:
    """Who is told as one person, whatever the numbers are."""
    of: dict[object, set[int]] = {}
    for one in candidates:
        for p in one.partners:
            of.setdefault(f"alone {p.number}" if p.person is None else p.person, set()).add(p.number)
    return {frozenset(numbers) for numbers in of.values()}


@given(tables(), st.randoms(), st.integers(1, 5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_batches_does_not_matter(pieces: list[Sighting], random: random.Random, each: int) -> None:
    """However an hour is cut into batches, and in whatever order they come, the same tracks are one person."""
    whole = groups([met_with(*pieces)])
    cuts = [[seen(PATIENT, 0, 90)], *(pieces[at : at + each] for at in range(0, len(pieces), each))]
    random.shuffle(cuts)
    parts = [batch(cut, [beside(one) for one in cut if one.number != PATIENT]) for cut in cuts]
    assert groups(joined(parts, {PATIENT})) == whole


@given(tables(), st.integers(0, 40), st.floats(0.2, 20), st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_stranger_elsewhere_changes_nothing(pieces: list[Sighting], minute: int, minutes: float, face: bool) -> None:
    """Somebody at another table, met or not, leaves who is one person as it was."""
    stranger = seat(99, minute, minutes, north_m=40.0, face_code=OTHER if face else None, appearance_code=OTHERS)
    alone, more = groups([met_with(*pieces)]), groups([met_with(*pieces, stranger)])
    assert more == alone | {frozenset({99})}


@given(tables())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nobody_is_at_two_seats_at_once(pieces: list[Sighting]) -> None:
    """Tracks that are told as one person never overlap by more than a tracker's second, unless one face shows both."""
    of = {one.number: one for one in pieces}
    for numbers in groups([met_with(*pieces)]):
        some = sorted((of[number] for number in numbers), key=lambda one: one.start)
        for one, other in pairwise(some):
            assert other.start - one.end >= -timedelta(seconds=1)
            assert one.east_m == other.east_m


def test_a_second_hit_of_the_same_patient_tells_the_same_people() -> None:
    """Both tracks of a patient met the same two pieces of one person: one number in both answers."""
    pieces = [seat(2, 1), seat(3, 6.1)]
    everything = [seen(PATIENT, 0, 5.8), seen(9, 5.9, 20), *pieces]
    found = joined([batch(everything, [beside(pieces[0]), replace(beside(pieces[1]), a=9)])], {PATIENT, 9})
    assert [p.person for one in found for p in one.partners] == [0, 0]
    assert found[1].partners[0].end - found[1].partners[0].start > MINUTE * 1
