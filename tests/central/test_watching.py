"""Why a gap is one: nothing could see, nothing was sent, nothing could be searched, or others were seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from central.routes.camera_graph import CameraGraph, CameraPlace
from central.routes.route import Gap, Route, Why
from central.routes.route_json import route_from_map, route_to_map
from central.routes.watching import Heard, cells_on_the_way, explained, hours_of
from tests.central.test_reconstruct import GRAPH, route_of, seen
from tests.central.town import START, WINDOW

HOURS = hours_of(Gap(-1, *WINDOW))
# Two visits hours apart, with cameras on the way between them.
ROUTE = route_of([seen("cam-02-05", 60, 200), seen("cam-05-05", 300, 200)])
BETWEEN = 1  # the position of the gap between the two


def reasons(heard: Heard | None, route: Route = ROUTE, graph: CameraGraph = GRAPH) -> list[Why]:
    return [gap.why for gap in explained(route, graph, heard).gaps]


def boxes(count: int, hours: range = HOURS) -> dict[tuple[str, int], int]:
    return {("c-1", hour): count for hour in hours}


def test_where_all_boxes_sent_something_the_patient_was_not_seen() -> None:
    """Cameras watched, and none of them saw the patient; how many could have is told."""
    gaps = explained(ROUTE, GRAPH, Heard(boxes(3))).gaps
    assert [gap.why for gap in gaps] == [Why.UNSEEN] * 3
    assert gaps[BETWEEN].cameras >= 2
    assert {gap.dark for gap in gaps} == {0}


def test_boxes_that_sent_nothing_are_an_outage() -> None:
    """Silence of most of the boxes through most of a gap is no evidence of absence, and only that gap's."""
    middle = hours_of(ROUTE.gaps[BETWEEN])
    told = explained(ROUTE, GRAPH, Heard(boxes(3) | dict.fromkeys(boxes(0, middle[1:-1]), 0))).gaps
    assert told[BETWEEN].why is Why.OUTAGE
    assert 0 < told[BETWEEN].dark <= told[BETWEEN].cameras
    assert [told[0].why, told[2].why] == [Why.UNSEEN] * 2
    assert reasons(Heard(boxes(3) | boxes(2, middle)))[BETWEEN] is Why.UNSEEN
    assert reasons(Heard()) == [Why.OUTAGE] * 3


def test_where_no_camera_is_on_the_way_it_is_blind() -> None:
    """Between two lone cameras nothing could have seen anybody."""
    lone = CameraGraph([place for name, place in GRAPH.places.items() if name in ("cam-02-05", "cam-05-05")])
    assert reasons(Heard(boxes(1)), graph=lone)[BETWEEN] is Why.BLIND
    assert reasons(None, graph=lone)[BETWEEN] is Why.BLIND


def test_hours_that_could_not_be_searched_say_nothing() -> None:
    """A day whose key is destroyed, or an hour that has not come: the gap says so before anything else."""
    hours = frozenset(hours_of(ROUTE.gaps[BETWEEN]))
    assert reasons(Heard(boxes(3), hours))[BETWEEN] is Why.UNSEARCHED
    assert reasons(Heard({}, frozenset(HOURS))) == [Why.UNSEARCHED] * 3


def test_a_patient_who_was_never_seen_has_the_coverage_of_the_whole_window() -> None:
    """The one gap of an empty route counts every camera, and how many of them sent nothing."""
    far = CameraPlace("far", 1.0, 1.0, False, "c-2")
    graph = CameraGraph([*GRAPH.places.values(), far])
    (gap,) = explained(route_of([]), graph, Heard(boxes(1))).gaps
    assert (gap.why, gap.cameras, gap.dark) == (Why.UNSEEN, len(GRAPH) + 1, 1)
    assert cells_on_the_way(route_of([]), graph) == ("c-1", "c-2")


def test_only_cells_on_the_way_are_asked_about() -> None:
    """A cell far from the route's ends is left alone."""
    graph = CameraGraph([*GRAPH.places.values(), CameraPlace("far", 1.0, 1.0, False, "c-2")])
    assert cells_on_the_way(ROUTE, graph) == ("c-1",)


@pytest.mark.parametrize("minutes", [0, 30])
def test_hours_are_those_that_a_gap_touches(minutes: int) -> None:
    """A gap that ends on the hour does not touch the next."""
    gap = Gap(-1, START + timedelta(minutes=minutes), START + timedelta(hours=2))
    assert len(hours_of(gap)) == 2
    assert len(hours_of(replace(gap, end=gap.end + timedelta(minutes=1)))) == 3


def test_reasons_survive_their_plain_values_and_older_routes_have_none() -> None:
    """Through JSON and back they are the same; a route that was kept without reads as unseen."""
    told = explained(ROUTE, GRAPH, Heard(boxes(3), frozenset(hours_of(ROUTE.gaps[0]))))
    plain = route_to_map(told)
    assert [gap["why"] for gap in plain["gaps"]] == ["unsearched", "unseen", "unseen"]
    assert route_from_map(plain) == told
    old = [{name: row[name] for name in ("after", "start", "end", "minutes")} for row in plain["gaps"]]
    assert route_from_map({**plain, "gaps": old}) == ROUTE
