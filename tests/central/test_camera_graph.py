"""Cameras, ways between them, and which of these anybody could have gone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.routes.camera_graph import DETOUR, CameraGraph, CameraPlace
from central.routes.travel import log_silence, log_still_unseen, log_transition, possible
from shared.errors import BadIdentifier, BadInput

DEGREE_M = 111_195.0


def place(name: str, east_m: float = 0.0, north_m: float = 0.0) -> CameraPlace:
    return CameraPlace(name, north_m / DEGREE_M, east_m / DEGREE_M, indoor=False, cell="c-1")


def line(*metres: float) -> CameraGraph:
    """Cameras on the equator at these distances from the first."""
    return CameraGraph([place(f"cam-{k:03d}", east_m=at) for k, at in enumerate(metres)])


def test_distances_are_great_circles_and_ways_are_longer() -> None:
    """Two cameras 500 m apart are 500 m apart, and the way along streets is longer by the detour factor."""
    graph = line(0, 500)
    a, b = np.array([0]), np.array([1])
    assert graph.straight_m(a, b)[0] == pytest.approx(500, rel=1e-4)
    assert graph.way_m(a, b)[0] == pytest.approx(500 * DETOUR, rel=1e-4)


def test_the_order_of_places_does_not_matter() -> None:
    """Graphs of the same places in another order have the same indices."""
    places = [place("b", 5), place("a", 7), place("c")]
    assert CameraGraph(places).index == CameraGraph(places[::-1]).index == {"a": 0, "b": 1, "c": 2}


def test_a_camera_listed_twice_or_nowhere_is_refused() -> None:
    """Doubled names, bad names and places off the earth are named errors."""
    with pytest.raises(BadInput, match="twice"):
        CameraGraph([place("a"), place("a", 9)])
    with pytest.raises(BadInput, match="nowhere"):
        CameraGraph([CameraPlace("a", 91.0, 0.0, indoor=False, cell="c")])
    with pytest.raises(BadIdentifier):
        CameraGraph([place("Not a name")])


def test_cameras_in_reach_are_counted_with_the_camera_itself() -> None:
    """At the radii where cameras are counted, the count is exact; in between it grows."""
    graph = line(0, 10, 60, 40_000)
    counts = graph.in_reach(np.array([0, 0, 0, 3]), np.array([0.0, 25.0, 51_200.0, 25.0]))
    assert counts.tolist() == [1, 2, 4, 1]
    radii = np.linspace(0, 51_200, 200)
    assert (np.diff(graph.in_reach(np.zeros(200, np.intp), radii)) >= 0).all()


@given(st.floats(0, 1e5), st.floats(0, 1e5), st.floats(0, 1e5))
def test_what_is_possible_stays_possible_with_more_time_or_less_way(metres: float, seconds: float, more: float) -> None:
    """Possibility never ends by waiting longer or going less far."""
    other = np.array(True)
    if possible(np.array(metres), np.array(seconds), other):
        assert possible(np.array(metres), np.array(seconds + more), other)
        assert possible(np.array(max(metres - more, 0.0)), np.array(seconds), other)


def test_nobody_crosses_the_city_in_a_minute() -> None:
    """Five kilometres in a minute have no density at all; next door after a minute has a good one."""
    graph = line(0, 80, 5000)
    there = np.array([1, 2])
    density = log_transition(graph, np.array(0), there, np.array([60.0, 60.0]))
    assert density[1] == -np.inf
    assert density[0] > -9
    assert np.isfinite(log_transition(graph, np.array(0), there, np.array([60.0, 1800.0]))).all()


def test_two_cameras_may_see_one_person_at_once_only_within_sight_of_each_other() -> None:
    """Overlapping sightings are possible at neighbouring views, not at one camera, nor far away."""
    overlap = np.full(3, -30.0)
    assert possible(np.array([20.0, 20.0, 400.0]), overlap, np.array([True, False, True])).tolist() == [
        True,
        False,
        False,
    ]


def test_silence_is_a_distribution() -> None:
    """The density of a silence integrates to what is left of the chance of still being unseen."""
    t = np.geomspace(1e-3, 1e6, 200_000)
    seen = np.trapezoid(np.exp(log_silence(t)), t)
    assert seen == pytest.approx(1 - float(np.exp(log_still_unseen(np.array(1e6)))), abs=1e-3)


def test_the_next_camera_is_somewhere() -> None:
    """Over all cameras of a city, the density of being seen next adds up to about the density of being seen."""
    rng = np.random.default_rng(1)
    graph = CameraGraph([place(f"cam-{k:03d}", *rng.uniform(0, 3000, 2)) for k in range(400)])
    for seconds in (120.0, 1200.0, 20_000.0):
        t = np.full(400, seconds)
        total = np.exp(log_transition(graph, np.array(7), np.arange(400), t) - log_silence(t)).sum()
        assert 0.4 < total < 1.6
