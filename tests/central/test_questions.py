"""Which sightings a tracer should ask about."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from central.routes.questions import answers_worth, questions
from central.routes.reconstruct import Told, weighed
from tests.central.test_reconstruct import GRAPH, LAWS, seen
from tests.central.town import WINDOW


def test_what_would_settle_a_whole_walk_is_asked_first() -> None:
    """Of a doubtful walk and a doubtful lone sighting, the walk is asked about; about what is sure, nothing."""
    walk = [seen(f"cam-{x:02d}-04", 60 + 1.2 * x, 300) for x in range(3)]
    lone, sure = seen("cam-09-09", 300, 285, name="n-2"), seen("cam-00-09", 60, 90, name="n-3")
    (first,) = questions(weighed([*walk, lone], GRAPH, WINDOW, LAWS, searched=4000), 1)
    assert first.candidate.sighting in {one.sighting for one in walk}
    assert 0.02 < first.confidence < 0.98
    (alone,) = questions(weighed([sure], GRAPH, WINDOW, LAWS, searched=4000), 1)
    assert alone.value == 0


def test_no_question_is_asked_twice() -> None:
    """What was asked is left out, and without candidates there is nothing to ask."""
    walk = [seen(f"cam-{x:02d}-04", 60 + 1.2 * x, 300) for x in range(3)]
    found = weighed(walk, GRAPH, WINDOW, LAWS, searched=4000)
    first = questions(found, 1)[0].candidate.sighting
    assert first not in [one.candidate.sighting for one in questions(found, 5, asked={first})]
    assert questions(weighed([], GRAPH, WINDOW, LAWS, searched=4000), 3) == ()


def test_an_answer_is_heeded_without_weighing_everything_anew() -> None:
    """Told afterwards or told at once gives the same confidence."""
    walk = [seen(f"cam-{x:02d}-04", 60 + 1.2 * x, 300) for x in range(3)]
    told = Told(confirmed=frozenset({walk[1].sighting}), rejected=frozenset({walk[0].sighting}))
    later = weighed(walk, GRAPH, WINDOW, LAWS).heeding(told).confidence
    assert later[1] > 0.99
    assert later[0] < 0.01
    assert np.allclose(later, weighed(walk, GRAPH, WINDOW, LAWS, told=told).confidence)


@given(arrays(np.bool_, st.tuples(st.integers(20, 40), st.integers(1, 6))))
def test_to_know_more_is_never_worth_less_than_nothing(paths: np.ndarray) -> None:
    """Every answer has a value of 0 or more, and of what is on all paths or on none it is 0."""
    value = answers_worth(paths)
    assert (value >= 0).all()
    assert (value[paths.all(axis=0) | ~paths.any(axis=0)] == 0).all()
