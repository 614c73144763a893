"""From candidates to a route: what must hold for any input, and how well it does in a small town."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.routes.observations import MOST
from central.routes.reconstruct import Route, Told, reconstruct, route_from_map, route_to_map
from central.routes.travel import possible
from central.search.candidates import Candidate, Partner
from shared.epochs import Epoch, Modality
from shared.errors import BadInput, CalibrationMissing
from shared.face_mask import FaceMask
from tests.central.town import START, WINDOW, Pass, Town, calibration, grid, sighted, town

GRAPH, LAWS = grid(), calibration()
KEY = bytes(32)


def seen(camera: str, minutes: float, distance: int = 220, name: str = "n-1", **changes: Any) -> Candidate:
    """A candidate `minutes` after the window's start; nearer than 250 bits is surely the patient."""
    (one,) = sighted([Pass(camera, minutes * 60)], np.array([distance]), name, FaceMask.ABSENT)
    return replace(one, **{"sighting": f"{name}/1/{round(minutes * 60)}", **changes})


def route_of(candidates: Sequence[Candidate], searched: int | None = 20_000, **changes: Any) -> Route:
    return reconstruct(candidates, GRAPH, WINDOW, LAWS, **{"searched": searched, "pseudonym_key": KEY, **changes})


def names(route: Route) -> list[str]:
    return [visit.candidate.sighting for visit in route.visits]


@st.composite
def days(draw: st.DrawFn) -> list[Candidate]:
    """A handful of candidates anywhere in the town, near and far in likeness."""
    rows = draw(
        st.lists(
            st.tuples(st.integers(0, 11), st.integers(0, 11), st.integers(0, 590), st.integers(150, 384)),
            max_size=14,
            unique_by=lambda row: row[2],
        )
    )
    return [seen(f"cam-{x:02d}-{y:02d}", minutes, distance) for x, y, minutes, distance in rows]


@given(days(), st.randoms(use_true_random=False))
def test_the_order_of_candidates_changes_nothing(candidates: list[Candidate], random: Any) -> None:
    """Any permutation of the input gives the same route."""
    mixed = list(candidates)
    random.shuffle(mixed)
    assert route_of(mixed) == route_of(candidates)


@given(days(), st.integers(-10_000, 10_000))
def test_a_shift_in_time_shifts_the_route(candidates: list[Candidate], hours: int) -> None:
    """The same day at another date gives the same visits with the same confidence."""
    by = timedelta(hours=hours)
    later = [
        replace(c, start=c.start + by, end=c.end + by, epoch=Epoch(c.epoch.cell, c.epoch.hour + hours))
        for c in candidates
    ]
    moved = reconstruct(later, GRAPH, (WINDOW[0] + by, WINDOW[1] + by), LAWS, searched=20_000)
    usual = route_of(candidates)
    assert names(moved) == names(usual)
    assert [v.confidence for v in moved.visits] == pytest.approx([v.confidence for v in usual.visits], abs=1e-9)
    assert [(g.after, g.minutes) for g in moved.gaps] == [(g.after, g.minutes) for g in usual.gaps]


@given(days(), st.sampled_from(["camera", "cell", "before", "after", "backwards"]))
def test_an_impossible_candidate_changes_nothing_but_the_count(candidates: list[Candidate], how: str) -> None:
    """Unknown cameras, foreign cells and senseless times are set aside and counted."""
    good = seen("cam-05-05", 300, 100, name="n-9")
    bad = {
        "camera": replace(good, camera="cam-99"),
        "cell": replace(good, epoch=Epoch("elsewhere", good.epoch.hour)),
        "before": replace(good, start=START - timedelta(hours=2), end=START - timedelta(hours=1)),
        "after": replace(good, start=WINDOW[1], end=WINDOW[1] + timedelta(seconds=5)),
        "backwards": replace(good, end=good.start - timedelta(seconds=1)),
    }[how]
    usual = route_of(candidates)
    assert route_of([*candidates, bad]) == replace(usual, unplaced=usual.unplaced + 1)


@given(days())
def test_visits_are_in_order_and_physically_possible(candidates: list[Candidate]) -> None:
    """Visits come in order of time, and each can be reached from the one before."""
    visits = route_of(candidates).visits
    for one, following in pairwise(visits):
        assert one.start <= following.start
        a, b = (np.array(GRAPH.index[visit.candidate.camera]) for visit in (one, following))
        seconds = np.array((following.start - one.end).total_seconds())
        assert possible(GRAPH.straight_m(a, b), seconds, a != b)


@given(days())
def test_everything_between_visits_is_accounted_for(candidates: list[Candidate]) -> None:
    """Each pair of visits in a row has exactly one of: a common stay, a leg, a gap."""
    route = route_of(candidates)
    inside = [i for stay in route.stays for i in range(stay.first, stay.last)]
    between = sorted([*inside, *(leg.first for leg in route.legs), *(g.after for g in route.gaps)])
    expected = list(range(len(route.visits) - 1))
    assert [i for i in between if 0 <= i < len(route.visits) - 1] == expected


@given(days())
def test_a_route_survives_its_plain_values(candidates: list[Candidate]) -> None:
    """Through JSON and back it is the same route."""
    route = route_of(candidates)
    assert route_from_map(json.loads(json.dumps(route_to_map(route)))) == route


def test_other_values_are_no_route() -> None:
    """Unknown versions and malformed values raise BadInput."""
    plain = route_to_map(route_of([seen("cam-03-03", 60)]))
    for spoilt in ({}, {**plain, "version": 99}, {**plain, "window": ["now", "then"]}, {**plain, "visits": [{}]}):
        with pytest.raises(BadInput):
            route_from_map(spoilt)


def test_nobody_seen_is_an_answer() -> None:
    """Without candidates, or with poor ones only, the route is empty and all of the window is a gap."""
    poor = [seen(f"cam-0{k}-05", 40 * k, 370, name=f"n-{k}") for k in range(8)]
    for candidates in ([], poor):
        route = route_of(candidates)
        assert (route.visits, route.stays, route.legs) == ((), (), ())
        assert [(gap.start, gap.end) for gap in route.gaps] == [WINDOW]


def test_an_empty_window_is_refused() -> None:
    """A window that ends before it begins raises BadInput."""
    with pytest.raises(BadInput, match="window"):
        reconstruct([], GRAPH, (WINDOW[1], WINDOW[0]), LAWS)


def test_codes_without_a_calibration_are_refused() -> None:
    """Candidates of a code length that was never measured raise CalibrationMissing."""
    with pytest.raises(CalibrationMissing):
        route_of([seen("cam-03-03", 60, bits=2048)])


def test_a_walk_is_found_whole() -> None:
    """Five near codes along a street are all visits with high confidence, with legs between them."""
    walk = [seen(f"cam-{x:02d}-04", 60 + 1.2 * x, 230) for x in range(5)]
    route = route_of(walk)
    assert names(route) == [one.sighting for one in walk]
    assert min(visit.confidence for visit in route.visits) > 0.9
    assert [leg.mode for leg in route.legs] == ["walk"] * 4


def test_neighbours_in_time_and_place_support_a_doubtful_sighting() -> None:
    """A masked-looking distance between two sure sightings is accepted; alone in the day it is not."""
    sure = [seen("cam-02-04", 60, 200), seen("cam-04-04", 63, 200)]
    doubtful = seen("cam-03-04", 61.5, 335)
    assert doubtful.sighting in names(route_of([*sure, doubtful]))
    assert names(route_of([doubtful])) == []


def test_who_leaves_a_seat_walks_on_from_when_they_rose() -> None:
    """A doubtful sighting where a walker comes to be after a long stay before a camera is accepted, though the middle
    of the stay is long ago; a quarter of an hour later it is not."""
    seat = seen("cam-02-04", 60, 200)
    seat = replace(seat, end=seat.start + timedelta(minutes=20))
    walked, later = seen("cam-04-04", 84.2, 300), seen("cam-04-04", 99.2, 300)
    assert walked.sighting in names(route_of([seat, walked]))
    assert later.sighting not in names(route_of([seat, later]))


def test_more_searched_needs_more_evidence() -> None:
    """One sighting that convinces among a thousand does not among a hundred million."""
    alone = [seen("cam-05-05", 100, 255)]
    assert names(route_of(alone, searched=1000))
    assert not names(route_of(alone, searched=100_000_000))


@given(days(), st.data())
def test_a_tracers_word_counts_more_than_any_distance(candidates: list[Candidate], data: st.DataObject) -> None:
    """What is confirmed is on the route, what is rejected is not, and a word about an unknown one changes nothing."""
    if not candidates:
        return
    one = data.draw(st.sampled_from(candidates)).sighting
    assert one in names(route_of(candidates, told=Told(confirmed=frozenset({one}))))
    assert one not in names(route_of(candidates, told=Told(rejected=frozenset({one}))))
    strange = Told(frozenset({"n-8/1/1"}), frozenset({"n-8/1/2"}))
    assert route_of(candidates, told=strange) == route_of(candidates)


def test_of_two_confirmed_at_two_ends_of_the_town_one_is_on_the_route() -> None:
    """A tracer's word does not make possible what is not."""
    both = [seen("cam-00-00", 60, 200), seen("cam-11-11", 60.2, 200, name="n-2")]
    assert len(names(route_of(both, told=Told(confirmed=frozenset(one.sighting for one in both))))) == 1


def test_a_confirmed_sighting_brings_its_neighbours_along() -> None:
    """Doubtful sightings along a walk are on the route once one of them is confirmed."""
    walk = [seen(f"cam-{x:02d}-04", 60 + 1.2 * x, 350) for x in range(4)]
    assert names(route_of(walk, searched=None)) == []
    told = Told(confirmed=frozenset({walk[1].sighting}))
    assert len(names(route_of(walk, searched=None, told=told))) >= 3


def test_a_chain_is_taken_or_left_as_a_whole() -> None:
    """Sightings of a look-alike's walk that happen to be near do not become the patient's while the others, farther
    than the patient's are, stay a stranger's."""
    near = [seen(f"cam-{x:02d}-04", 60 + 1.2 * x, 300) for x in (0, 4)]
    far = [seen(f"cam-{x:02d}-04", 60 + 1.2 * x, 380) for x in (1, 2, 3, 5, 6)]
    alone, chain = route_of(near, searched=1000), route_of([*near, *far], searched=1000)
    assert len(names(alone)) == 2
    assert names(chain) == []


def test_two_places_at_once_are_never_both_visited() -> None:
    """Of two equally near codes at two ends of the town at one moment at most one is on the route."""
    route = route_of([seen("cam-00-00", 60, 200), seen("cam-11-11", 60.2, 200, name="n-2")])
    assert len(route.visits) <= 1


def test_a_look_alikes_consistent_day_is_no_evidence_by_itself() -> None:
    """Ten plausible steps of somebody as near as the nearest of a crowd do not make the patient."""
    crowd = town(3, patient=False)
    look_alike = [seen(f"cam-{x:02d}-07", 60 + 1.2 * x, 345) for x in range(10)]
    assert names(route_of([*crowd.candidates, *look_alike], searched=crowd.searched + 10)) == []


def test_a_crowd_that_looks_like_the_patient_makes_the_search_more_careful() -> None:
    """The same sightings convince where few others were near, and not where the template is like many people."""
    walk = [seen(f"cam-{x:02d}-04", 60 + 1.2 * x, 290) for x in range(3)]
    crowd = [seen(f"cam-{k % 12:02d}-09", 2 * k, 380, name=f"n-{k + 5}") for k in range(250)]
    assert len(names(route_of(walk, searched=5000))) == 3
    assert names(route_of([*walk, *crowd], searched=5000)) == []


def test_dwelling_before_one_camera_is_a_stay() -> None:
    """Seen at one door at 10:00 and 10:40: a stay of 40 minutes, no leg, and gaps around it."""
    route = route_of([seen("cam-05-05", 60, 200), seen("cam-05-05", 100, 200)])
    (stay,) = route.stays
    assert stay.minutes == pytest.approx(40.1)
    assert route.legs == ()
    assert [gap.after for gap in route.gaps] == [-1, 1]


def test_a_long_silence_is_a_gap_and_a_far_ride_is_not() -> None:
    """Hours between neighbours are a gap; a kilometre in three minutes is a ride."""
    route = route_of([seen("cam-05-05", 60, 200), seen("cam-06-05", 240, 200)])
    assert [gap.after for gap in route.gaps] == [-1, 0, 1]
    ride = route_of([seen("cam-00-05", 60, 200), seen("cam-11-05", 63, 200)])
    assert [leg.mode for leg in ride.legs] == ["ride"]


def test_face_and_clothes_of_one_sighting_are_one_visit() -> None:
    """A sighting found by both modalities is one visit, and clothes add to its evidence."""
    face = seen("cam-05-05", 100, 265)
    clothes = replace(face, modality=Modality.APPEARANCE, bits=512, distance=60)
    alone, both = route_of([face], searched=200), route_of([face, clothes], searched=200)
    assert names(both) == names(alone) == [face.sighting]
    assert both.visits[0].confidence > alone.visits[0].confidence


def test_no_strangers_sighting_is_in_a_route() -> None:
    """Partners are known by pseudonyms only, the same within a case and different between cases."""
    at = START + timedelta(minutes=60)
    partner = Partner(4711, at, at + timedelta(seconds=5), 1.0, 0.2, FaceMask.WORN)
    met = seen("cam-05-05", 60, 200, partners=(partner,))
    one, other = route_of([met]), route_of([met], pseudonym_key=bytes(range(32)))
    assert "4711" not in json.dumps(route_to_map(one))
    assert one.visits[0].met[0].pseudonym != other.visits[0].met[0].pseudonym
    assert one.visits[0].met[0].pseudonym == route_of([met]).visits[0].met[0].pseudonym


def test_the_patient_followed_as_two_is_no_contact_of_their_own() -> None:
    """A track that breaks, or a second box at the same place: the patient's own other sighting is left out."""
    at = START + timedelta(minutes=60)
    itself = Partner(3660, at, at + timedelta(seconds=5), 0.3, 0.2, FaceMask.ABSENT)
    somebody = replace(itself, number=4711)
    first, later = seen("cam-05-05", 60, 200, partners=(itself, somebody)), seen("cam-05-05", 61, 200)
    assert names(route_of([first, later])) == [first.sighting, later.sighting] == ["n-1/1/3600", "n-1/1/3660"]
    assert [len(visit.met) for visit in route_of([first, later]).visits] == [1, 0]
    assert [len(visit.met) for visit in route_of([first]).visits] == [2]


def scores(towns: Sequence[Town]) -> tuple[float, float]:
    """Precision and recall of visits over whole towns; what the radius kept out counts as missed."""
    right = found = there = 0
    for one in towns:
        got = set(names(reconstruct(one.candidates, one.graph, WINDOW, LAWS, searched=one.searched)))
        right, found, there = right + len(got & one.truth), found + len(got), there + len(one.truth)
    return right / max(found, 1), right / there


def test_most_of_a_day_is_found_among_hundreds_of_strangers() -> None:
    """Bare faces, 400 strangers who look alike all day long: few wrong visits, most right ones."""
    precision, recall = scores([town(seed) for seed in range(6)])
    assert precision >= 0.9
    assert recall >= 0.7


def test_a_patient_who_was_not_there_is_not_found() -> None:
    """Of towns without the patient hardly any gives a route."""
    found = [bool(reconstruct(t.candidates, t.graph, WINDOW, LAWS, searched=t.searched).visits) for t in absent()]
    assert sum(found) <= 1


def absent() -> list[Town]:
    return [town(seed, patient=False) for seed in range(20, 30)]


def test_the_greatest_number_is_weighed_and_one_more_is_left_out() -> None:
    """Five thousand candidates go through; of one more, the least likely is counted as set aside."""
    rng, count = np.random.default_rng(1), MOST + 1
    x, y = rng.integers(0, 12, (2, count))
    minutes, distance = rng.uniform(0, 590, count), rng.integers(300, 384, count)
    many = [
        seen(f"cam-{x[k]:02d}-{y[k]:02d}", float(minutes[k]), int(distance[k]), name=f"n-{k}") for k in range(count)
    ]
    assert route_of(many, searched=10_000_000).unplaced == 1
