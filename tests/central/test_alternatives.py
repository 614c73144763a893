"""What else may have been: whole explanations beside the route."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from central.routes.alternatives import Alternative, alternatives
from central.routes.reconstruct import most_right, weighed
from central.search.candidates import Candidate
from tests.central.test_reconstruct import GRAPH, LAWS, days, seen
from tests.central.town import WINDOW


def of(candidates: list[Candidate], count: int = 2, searched: int = 4000) -> tuple[Alternative, ...]:
    return alternatives(weighed(candidates, GRAPH, WINDOW, LAWS, searched=searched), count)


def test_a_walk_is_doubted_as_a_whole() -> None:
    """A walk that may be a look-alike's is one alternative, not one for each of its sightings."""
    walk = [seen(f"cam-{x:02d}-04", 60 + 1.2 * x, 310) for x in range(4)]
    (only,) = of(walk)
    differing = {one.candidate.sighting for one in (*only.without, *only.instead)}
    assert differing == {one.sighting for one in walk}
    assert 0.02 <= only.probability <= 0.98


def test_of_two_places_at_once_the_other_is_the_alternative() -> None:
    """Where the route takes the likelier of two, the other stands instead of it."""
    near, other = seen("cam-00-00", 60, 235), seen("cam-11-11", 60.2, 240, name="n-2")
    (first, *_) = of([near, other], searched=200)
    assert [one.candidate for one in first.without] == [near]
    assert [one.candidate for one in first.instead] == [other]


def test_what_is_sure_has_no_alternative() -> None:
    """Neither nobody nor somebody who is plainly the patient could have been otherwise."""
    assert of([]) == ()
    assert of([seen("cam-05-05", 60, 90)]) == ()


@settings(max_examples=30)
@given(days(), st.integers(0, 3))
def test_alternatives_differ_from_the_route_and_from_each_other(candidates: list[Candidate], count: int) -> None:
    """What is left out is on the route, what is put in is not; each visit is named once; the likelier comes first."""
    found = weighed(candidates, GRAPH, WINDOW, LAWS, searched=2000)
    route = {found.names[k] for k in most_right(found.confidence, found.ways)}
    told = alternatives(found, count)
    without = [one.candidate.sighting for each in told for one in each.without]
    instead = [one.candidate.sighting for each in told for one in each.instead]
    assert len(told) <= count
    assert route.issuperset(without)
    assert route.isdisjoint(instead)
    assert len({*without, *instead}) == len(without) + len(instead)
    assert [one.probability for one in told] == sorted((one.probability for one in told), reverse=True)
    assert all(one.without or one.instead for one in told)
    assert told == alternatives(found, count)
