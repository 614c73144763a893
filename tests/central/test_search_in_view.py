"""Who was in view together where nobody's distance could be measured: named without one, and with nothing invented."""

from __future__ import annotations

import random
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from central.contacts.exposures import contacts, exposures, judged
from central.contacts.meetings import meetings_of
from central.contacts.presets import load_preset, preset_names
from central.routes.camera_graph import CameraGraph, CameraPlace
from central.routes.reconstruct import reconstruct
from central.search import in_view, neighbours
from central.search.candidates import Candidate
from central.search.case_search import search_case
from shared.epochs import Epoch
from shared.face_mask import FaceMask
from shared.sightings import Encounter, Sighting
from tests.central.authority_fixtures import NOW, World, some_faces
from tests.central.joined import Hit, all_of, joining, took
from tests.central.test_search import noisy
from tests.central.test_search_case import parts
from tests.central.test_search_neighbours import MINUTE, NEXT, batch, joined, met, seen
from tests.central.town import calibration
from tests.shared.test_batches import EPOCH

SECOND = timedelta(seconds=1)
PATIENT = 1


@pytest.fixture(params=[1, neighbours.TOGETHER], autouse=True)
def together(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found does not depend on how many batches are joined at once."""
    monkeypatch.setattr(neighbours, "TOGETHER", request.param)


def lost(number: int, minute: float = 1, minutes: float = 5, **changes: Any) -> Sighting:
    """A sighting of which nobody knows where in the view it was."""
    return seen(number, minute, minutes, **{"east_m": None, "north_m": None, **changes})


def beside(candidates: Sequence[Candidate]) -> dict[int, tuple[float, float]]:
    """By number, from when to when those without a distance were beside the one candidate, in minutes of the hour."""
    (one,) = candidates
    return {
        p.number: ((p.start - EPOCH.start) / MINUTE, (p.end - EPOCH.start) / MINUTE)
        for p in one.partners
        if p.min_distance_m is None
    }


def test_those_in_one_view_without_a_ground_are_named_without_a_distance() -> None:
    """A camera whose ground is not known: whoever overlapped is a partner, with the time, the mask and a number."""
    stream = [
        batch([lost(PATIENT, 1, 10), lost(2, 5, 20, mask=FaceMask.ABSENT)]),
        batch([lost(3, 0, 4, face_code=None)]),
    ]
    (found,) = joined(stream, {PATIENT})
    told = {p.number: (p.min_distance_m, p.near_s, p.mask, p.person) for p in found.partners}
    assert told == {2: (None, None, FaceMask.ABSENT, 0), 3: (None, None, FaceMask.WORN, None)}
    assert beside([found]) == {2: (5, 11), 3: (1, 4)}


@pytest.mark.parametrize(("patient", "other"), [(lost, seen), (seen, lost)])
def test_one_without_a_place_is_enough(patient: Any, other: Any) -> None:
    """Where the feet of one were never seen, no distance to anybody was measured."""
    assert beside(joined([batch([patient(PATIENT, 1, 5), other(2, 2, 5)])], {PATIENT})) == {2: (2, 6)}


def test_two_whose_places_are_known_were_measured() -> None:
    """Without an encounter they were apart, whoever else in the view has no place."""
    assert beside(joined([batch([seen(PATIENT, 1, 5), seen(2, 1, 5), lost(3, 1, 5)])], {PATIENT})) == {3: (1, 6)}


def test_another_camera_boot_or_box_is_another_view() -> None:
    """Nobody is beside the patient who was before another camera of the box, or whose number is of another boot."""
    stream = [
        batch([lost(PATIENT), lost(2, camera="cam-2")]), batch([lost(3)], boot=2), batch([lost(4)], node="node-2"),
    ]  # fmt: skip
    assert beside(joined(stream, {PATIENT})) == {}


@pytest.mark.parametrize(("seconds", "named"), [(29.9, {}), (30, {2: (5.5, 6)})])
def test_passers_by_are_not_named(seconds: float, named: dict[int, tuple[float, float]]) -> None:
    """Half a minute in one view is enough, and less is not."""
    other = lost(2, 6 - seconds / 60, 5)
    assert beside(joined([batch([lost(PATIENT), other])], {PATIENT})) == named


def test_an_encounter_knows_more_than_a_view() -> None:
    """A pair that was measured once is told as it was measured, and not a second time."""
    (found,) = joined([batch([lost(PATIENT), lost(2), lost(3)], [met(PATIENT, 2)])], {PATIENT})
    assert [(p.number, p.min_distance_m) for p in found.partners] == [(2, 1.0), (3, None)]


def test_time_outside_the_window_stays_in_the_worker() -> None:
    """Of a stay that reaches over the window's end, the time before it is told, and nobody who came after it."""
    start, end = (round((EPOCH.start + minute * MINUTE).timestamp() * 1000) for minute in (6, 10))
    stream = [batch([lost(PATIENT, 5, 20), lost(2, 5, 20), lost(3, 10, 20), lost(4, 1, 5)])]
    assert beside(joined(stream, {PATIENT}, (start, end))) == {2: (6, 10)}


def test_a_companion_across_the_hours_edge_is_named() -> None:
    """Whoever began before the hour turned is joined with whoever began after it, from either side."""
    stream = [batch([lost(PATIENT, 55, 20)]), batch([lost(2, 61, 5)], epoch=NEXT)]
    assert beside(joined(stream, {PATIENT})) == {2: (61, 66)}
    assert beside(joined(stream, {2})) == {PATIENT: (61, 66)}


def test_a_batch_that_opened_for_another_case_tells_nothing() -> None:
    """Two cases in one pass: only batches that opened for a case name anybody to it."""
    mine, other = batch([lost(PATIENT)]), batch([lost(2)])
    near = joining((0, 2**62), (0, 2**62))
    found = [took(near, replace(mine, cases=0b11), [Hit(0, case=0), Hit(0, case=1)])]
    found += [took(near, replace(other, cases=0b10), []), near.finish()]
    assert [beside(all_of(near, found, case)) for case in (0, 1)] == [{}, {2: (1, 6)}]


def test_a_sighting_that_is_told_twice_is_one() -> None:
    """A batch and its merged form may both be there: nobody is beside themselves, or beside the patient twice."""
    (found,) = joined([batch([lost(PATIENT), lost(2)])] * 2, {PATIENT})
    assert [p.number for p in found.partners] == [2]


def test_of_a_crowd_those_who_stayed_longest_are_named() -> None:
    """A visit names no more than so many, whatever a box sends."""
    crowd = [lost(number, 1, number / 10) for number in range(10, 200)]
    found = beside(joined([batch([lost(PATIENT, 1, 60), *crowd])], {PATIENT}))
    assert set(found) == set(range(200 - in_view.MOST_IN_VIEW, 200))


def test_times_that_cannot_be_lose_nothing_else() -> None:
    """A sighting that ended before it began, and one of a day's length, are whatever they are; others are joined."""
    odd = [lost(3, 5, -10), lost(4, 5, -3), lost(5, -60, 1300), lost(6, 900, 300)]
    assert beside(joined([batch([*odd, lost(PATIENT), lost(2)])], {PATIENT})) == {2: (1, 6), 5: (1, 6)}
    (backwards,) = joined([batch([lost(PATIENT, 5, -10), lost(2)])], {PATIENT})
    assert backwards.partners == ()


@st.composite
def scenes(draw: st.DrawFn) -> list[Sighting]:
    """A few dozen people before two cameras, in both mask states, some with and some without a place."""
    spells = st.tuples(st.integers(0, 40), st.sampled_from([0.3, 0.5, 2, 9, 30]), st.booleans(), st.booleans())
    rows = draw(st.lists(st.tuples(spells, st.sampled_from([FaceMask.ABSENT, FaceMask.WORN])), max_size=25))
    return [
        (lost if without else seen)(number, minute, minutes, camera="cam-2" if other else "cam-1", mask=mask)
        for number, ((minute, minutes, without, other), mask) in enumerate(rows, 1)
    ]


def expected(scene: Sequence[Sighting], patients: set[int]) -> dict[str, dict[int, tuple[Any, ...]]]:
    """The rule, pair by pair, in the plainest words."""
    found: dict[str, dict[int, tuple[Any, ...]]] = {}
    for one in (one for one in scene if one.number in patients):
        found[f"node-1/1/{one.number}"] = {}
        for other in (other for other in scene if other.number != one.number and other.camera == one.camera):
            start, end = max(one.start, other.start), min(one.end, other.end)
            if end - start >= 30 * SECOND and (one.east_m is None or other.east_m is None):
                found[f"node-1/1/{one.number}"][other.number] = (start, end, other.mask)
    return found


def told(candidates: Sequence[Candidate]) -> dict[str, dict[int, tuple[Any, ...]]]:
    return {one.sighting: {p.number: (p.start, p.end, p.mask) for p in one.partners} for one in candidates}


@given(scenes(), st.sets(st.integers(1, 25), max_size=4), st.randoms(), st.sampled_from([1, 7, 1 << 20]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_is_the_same_however_the_rows_come(
    scene: list[Sighting], patients: set[int], random: random.Random, at_once: int
) -> None:
    """Any cut into batches, in any order, and any number of pairs at once: exactly the pairs of the rule."""
    cuts = [scene[at : at + 4] for at in range(0, len(scene), 4)]
    random.shuffle(cuts)
    with pytest.MonkeyPatch.context() as changed:
        changed.setattr(in_view, "_PAIRS_AT_ONCE", at_once)
        assert told(joined([batch(cut) for cut in cuts], patients)) == expected(scene, patients)


@given(scenes(), scenes(), st.sets(st.integers(1, 25), max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_strangers_elsewhere_change_nothing(scene: list[Sighting], more: list[Sighting], patients: set[int]) -> None:
    """People before other cameras of the box, and before other boxes, leave every partner as it was."""
    elsewhere = batch([replace(one, number=one.number + 100, camera="cam-9") for one in more])
    another = batch(more, node="node-2", boot=3)
    alone = told(joined([batch(scene)], patients))
    with_more = joined([batch(scene), elsewhere, another], patients)
    assert {name: of for name, of in told(with_more).items() if name.startswith("node-1/")} == alone


def through_the_worker(folder: Path, **changes: Any) -> tuple[Candidate, ...]:
    """The patient and a companion, twenty minutes in one view, found by a worker process in a sealed batch."""
    world, faces = World(folder), some_faces(3)
    world.register(noisy(faces[:1]))
    start = Epoch.at("cell-1", NOW).start
    raw = world.batch(faces[:2], start=start, end=start + 20 * MINUTE, **changes)
    return tuple(search_case(world.signed(world.scope()), parts(world, raw), print, threading.Event()).candidates)


DOOR = CameraPlace("door", 37.5, 127.0, indoor=True, cell="cell-1")


def facts_of(found: Sequence[Candidate]) -> Any:
    window = (NOW - timedelta(hours=2), NOW + timedelta(hours=2))
    way = reconstruct(found, CameraGraph([DOOR]), window, calibration(), searched=40, pseudonym_key=bytes(32))
    return exposures(way)


@pytest.mark.parametrize(
    ("mask", "near"),
    [
        (FaceMask.ABSENT, {"kdca-2022-01", "cdc-2020-10", "who-2021"}),
        (FaceMask.WORN, {"cdc-2020-10", "who-2021"}),
    ],
)
def test_a_companion_before_a_camera_without_a_ground_is_near_the_limit(
    tmp_path: Path, mask: FaceMask, near: set[str]
) -> None:
    """From the sealed batch to the rule: no contact as measured, perhaps one in truth, unless both masks protect; a
    city's own rule may count such minutes."""
    facts = facts_of(through_the_worker(tmp_path, east_m=None, north_m=None, mask=mask))
    assert [(one.min_distance_m, one.minutes, one.patient_mask, one.other_mask) for one in facts] == [
        (None, 20, mask, mask)
    ]
    for preset in preset_names():
        assert contacts(facts, preset) == ()
        found = judged(facts, preset)
        assert [one.because for one in found] == ([("no_distance",)] if preset in near else [])
    assert contacts(facts, replace(load_preset("who-2021"), unmeasured_counts=True))


def test_a_companion_whose_distance_was_too_large_is_not_named(tmp_path: Path) -> None:
    """The same two where the ground is known and no encounter was sent: they were apart."""
    assert facts_of(through_the_worker(tmp_path)) == ()


def test_a_patient_followed_as_two_tracks_is_nobodys_contact() -> None:
    """Both tracks are the patient's on the route: each names the other, and neither is an exposure."""
    found = joined([batch([lost(PATIENT, 1, 30), lost(2, 1, 30), lost(3, 1, 30)])], {PATIENT, 2})
    own = {one.sighting for one in found}
    assert len(own) == 2
    for one in found:
        assert [p.number for p in one.partners] == [{1: 2, 2: 1}[int(one.sighting[-1])], 3]
        assert [met.min_distance_m for met in meetings_of(one, own, bytes(32))] == [None]


def test_encounters_of_the_same_box_keep_their_distances() -> None:
    """Somebody without a place beside two who were measured leaves their encounter as it was."""
    near = Encounter(PATIENT, 2, EPOCH.start + MINUTE, EPOCH.start + 2 * MINUTE, 0.8, 0.2, (1, 2, 3, 4, 5))
    (found,) = joined([batch([seen(PATIENT, 1, 5), seen(2, 1, 5), lost(3, 1, 5)], [near])], {PATIENT})
    told = {p.number: (p.min_distance_m, p.near_s) for p in found.partners}
    assert told == {2: (0.8, (1, 2, 3, 4, 5)), 3: (None, None)}
