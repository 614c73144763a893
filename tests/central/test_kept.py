"""What a search leaves of itself: the route, few questions, the alternatives, and nothing else of strangers."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from central.routes.kept import kept_route, open_questions, set_aside, sightings_of, unheeded
from central.routes.reconstruct import Told, route_from_map, route_of, weighed
from central.routes.service import Findings
from central.search.candidates import Candidate
from central.search.case_search import SearchAnswer
from tests.central.test_reconstruct import GRAPH, LAWS, days, seen
from tests.central.town import WINDOW

NOTHING_TOLD = Told()
WALK = [seen(f"cam-{x:02d}-04", 60 + 1.2 * x, 300) for x in range(3)]


def findings(candidates: list[Candidate], told: Told = NOTHING_TOLD) -> Findings:
    found = weighed(candidates, GRAPH, WINDOW, LAWS, searched=4000, told=told)
    return Findings(route_of(found, GRAPH, WINDOW, bytes(32)), SearchAnswer((), 0, 0), {}, found)


def test_a_doubtful_walk_is_asked_about_and_a_sure_one_is_not() -> None:
    """The most telling first, with all that a person needs to answer; of somebody who is plainly seen, nothing."""
    asked = kept_route(findings(WALK), GRAPH, NOTHING_TOLD)["questions"]
    assert 1 <= len(asked) <= 3
    assert [one["value"] for one in asked] == sorted((one["value"] for one in asked), reverse=True)
    first = next(one for one in WALK if one.sighting == asked[0]["sighting"])
    assert (asked[0]["camera"], asked[0]["mask"]) == (first.camera, first.mask.label)
    assert (asked[0]["start"], asked[0]["place"]["camera"]) == (first.start.isoformat(), first.camera)
    assert kept_route(findings([seen("cam-00-09", 60, 90)]), GRAPH, NOTHING_TOLD)["questions"] == []


def test_without_a_visit_the_likeliest_are_asked_about_whatever_that_is_worth() -> None:
    """Nothing else can help a route that is empty; what is on next to no path is a stranger's, and is not shown."""
    far_apart = [seen(f"cam-0{x}-0{x}", 60 + 200 * x, 355) for x in range(3)]
    found = findings(far_apart)
    asked = kept_route(found, GRAPH, NOTHING_TOLD)["questions"]
    assert found.route.visits == ()
    assert [one["value"] for one in asked] == [0.0] * 3
    assert [one["confidence"] for one in asked] == sorted(found.weighed.confidence, reverse=True)
    assert kept_route(findings([seen("cam-00-09", 60, 380)]), GRAPH, NOTHING_TOLD)["questions"] == []


def test_what_was_answered_is_not_asked_again() -> None:
    """Neither what was confirmed nor what was rejected, though the rest of the walk may still be doubtful."""
    told = Told(frozenset({WALK[0].sighting}), frozenset({WALK[1].sighting}))
    document = kept_route(findings(WALK, told), GRAPH, told, 10)
    assert not {one["sighting"] for one in document["questions"]} & (told.confirmed | told.rejected)
    assert document["heeded"] == {WALK[0].sighting: "confirmed", WALK[1].sighting: "rejected"}


def test_as_many_are_asked_as_the_city_wants() -> None:
    """None where it wants none, one where it wants one."""
    found = findings(WALK)
    assert [len(kept_route(found, GRAPH, NOTHING_TOLD, most)["questions"]) for most in (0, 1)] == [0, 1]


def test_a_word_counts_as_unheeded_until_a_search_knows_it() -> None:
    """Said since, changed since, taken back since; not what the search heeded."""
    document = {"heeded": {"a/1/1": "confirmed", "a/1/2": "rejected", "a/1/3": "confirmed"}}
    assert unheeded(document, document["heeded"]) == 0
    assert unheeded(document, {"a/1/1": "confirmed", "a/1/2": "confirmed", "a/1/4": "rejected"}) == 3
    assert unheeded({}, {}) == 0


def test_what_was_confirmed_and_cannot_be_is_told() -> None:
    """Two places at once were confirmed: one is on the route, and the other is not dropped in silence."""
    both = [seen("cam-00-00", 60, 200), seen("cam-11-11", 60.2, 200, name="n-2")]
    told = Told(confirmed=frozenset(one.sighting for one in both))
    document = kept_route(findings(both, told), GRAPH, told)
    (visit,) = document["visits"]
    assert {*set_aside(document), visit["candidate"]["sighting"]} == told.confirmed
    assert set_aside(kept_route(findings(both), GRAPH, NOTHING_TOLD)) == []


@settings(max_examples=30)
@given(days(), st.integers(0, 3))
def test_nothing_of_other_candidates_is_kept(candidates: list[Candidate], most: int) -> None:
    """Whatever was found: the document is plain JSON, reads back as the route, and names no sighting beyond the visits,
    the questions and the alternatives; a question that was answered is not shown."""
    found = findings(candidates)
    document = json.loads(json.dumps(kept_route(found, GRAPH, NOTHING_TOLD, most)))
    assert route_from_map(document) == found.route
    known = sightings_of(document)
    text = json.dumps(document)
    assert all((f'"{one.sighting}"' in text) == (one.sighting in known) for one in candidates)
    answered = [one["sighting"] for one in document["questions"][:1]]
    assert len(document["questions"]) <= most
    assert [one["sighting"] for one in open_questions(document, answered)] == [
        one["sighting"] for one in document["questions"][1:]
    ]
