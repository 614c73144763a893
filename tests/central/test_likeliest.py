"""Candidates chosen by their columns: the very observations that choosing them one by one gives."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.routes import observations
from central.routes.camera_graph import CameraGraph, CameraPlace
from central.routes.likeliest import likeliest
from central.routes.observations import Observations, observe
from central.routes.searched import Searched
from central.search.candidates import (
    HIT,
    MET,
    MODALITIES,
    NOBODY,
    Candidates,
    counted,
    rows_named,
    side_by_side,
    some_named,
)
from shared.clock import from_unix
from shared.codes import APPEARANCE_BITS, FACE_BITS
from shared.epochs import Epoch, Modality
from shared.errors import CalibrationMissing
from tests.city.laws import calibration
from tests.city.plan import CityPlan

LAWS = calibration(CityPlan())
HOUR = 480_000
WINDOW = from_unix(HOUR * 3600), from_unix((HOUR + 3) * 3600)
NODES, CAMERAS, CELLS = ("node-1", "node-2"), ("cam-1", "cam-2", "cam-3", "strange"), ("cell-1", "cell-2")
NAMES = (*NODES, *CAMERAS, *CELLS)
GRAPH = CameraGraph(
    [CameraPlace(name, 37.5 + at / 1000, 126.8, False, CELLS[at % 2]) for at, name in enumerate(CAMERAS[:3])]
)
BITS = {Modality.FACE: FACE_BITS, Modality.APPEARANCE: APPEARANCE_BITS}


def some_candidates(seed: int, n: int, *, twice: bool = False) -> Candidates:
    """Faces and clothes of some sightings, here and there of a camera, cell or time that does not fit."""
    rng, hits, met = np.random.default_rng(seed), np.zeros(n, HIT), np.zeros(2 * n, MET)
    keys = rng.permutation(4 * n)[:n] if not twice else rng.integers(0, max(1, n), n)
    hits["modality"], hits["number"] = keys % 2, keys // 2
    hits["boot"] = hits["number"] % 3
    hits["node"] = hits["number"] % len(NODES)
    camera = rng.integers(0, len(CAMERAS), n)
    hits["camera"] = len(NODES) + camera
    right = np.where(rng.random(n) < 0.9, camera % 2, rng.integers(0, 2, n))
    hits["cell"] = len(NODES) + len(CAMERAS) + right
    hits["hour"] = HOUR + rng.integers(0, 3, n)
    hits["start"] = 1000 * 3600 * HOUR + rng.integers(-1_000_000, 12_000_000, n)
    hits["end"] = hits["start"] + rng.integers(-1000, 60_000, n)
    bits = np.array([BITS[one] for one in MODALITIES])[hits["modality"]]
    hits["bits"], hits["distance"] = bits, rng.integers(0, bits // 2)
    hits["distance"][rng.random(n) < 0.1] = 0
    hits["mask"], hits["quality"] = rng.integers(0, 4, n), rng.integers(0, 256, n)
    hits["partners"] = 2
    met["person"], met["number"] = NOBODY, np.arange(2 * n)
    return Candidates(NAMES, hits, met)


def flat(seen: Observations) -> tuple[Any, ...]:
    arrays = (seen.camera, seen.start, seen.end, seen.spot, seen.spot_sd_m)
    return seen.parts, [array.tolist() for array in arrays], seen.unplaced, Counter(seen.found)


@pytest.mark.parametrize("most", [1, 7, 1500])
@pytest.mark.parametrize("twice", [False, True])
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 60), few=st.integers(0, 3))
def test_what_is_observed_is_the_same_as_one_by_one(most: int, twice: bool, seed: int, n: int, few: int) -> None:
    """Whatever does not fit, is confirmed, was handed on or looked for beside a picture, and however many there is
    room for: parts, places, times and counts are those that single candidates give, in any order."""
    some = some_candidates(seed, n, twice=twice)
    named = [one.sighting for one in some]
    searched = Searched(
        two_pictures=frozenset({Epoch(CELLS[0], HOUR), Epoch(CELLS[1], HOUR + 1)}), sources=frozenset(named[:few])
    )
    confirmed = {*named[-few:], "node-1/1/999999", "no name"} if few else set()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(observations, "MOST", most)
        by_columns = observe(some, GRAPH, WINDOW, LAWS, confirmed, searched)
        mixed = [some[at] for at in np.random.default_rng(seed).permutation(len(some)).tolist()]
        assert flat(by_columns) == flat(observe(mixed, GRAPH, WINDOW, LAWS, confirmed, searched))


def test_few_become_objects_of_many_candidates() -> None:
    """Of a thousand sightings hardly more are looked at one by one than there is room for."""
    some = some_candidates(1, 2000)
    chosen = likeliest(some, GRAPH, WINDOW, LAWS, (), Searched(), 50)
    assert chosen
    assert 50 <= len({one.sighting for one in chosen.candidates}) < 100
    assert chosen.left_out > 500


def test_a_sighting_that_is_there_twice_is_left_to_the_slower_way() -> None:
    """Which of two distances counts is decided in one place only."""
    assert likeliest(some_candidates(1, 50, twice=True), GRAPH, WINDOW, LAWS, (), Searched(), 5) is None


def test_a_code_length_without_a_calibration_is_refused_by_its_name() -> None:
    """As it is one by one."""
    some = some_candidates(1, 20)
    some.hits["bits"][some.hits["modality"] == 0] = 2048
    with pytest.raises(CalibrationMissing):
        observe(some, GRAPH, WINDOW, LAWS)


@given(seed=st.integers(0, 2**32 - 1), n=st.integers(0, 40), few=st.integers(0, 5))
def test_candidates_are_named_and_counted_by_columns_as_one_by_one(seed: int, n: int, few: int) -> None:
    """Those of some sightings, all others, and how many there are by modality and mask."""
    some = some_candidates(seed, n)
    every = tuple(some)
    named = {one.sighting for one in every[:few]} | {"node-9/1/1", "garbage"}
    for others in (False, True):
        assert tuple(some_named(some, named, others=others)) == tuple(some_named(every, named, others=others))
    assert int(rows_named(some.names, some.hits, named).sum()) == sum(one.sighting in named for one in every)
    assert counted(some) == counted(every)


def test_a_sighting_that_two_answers_found_is_one_candidate_and_the_nearer_counts() -> None:
    """Clothes that were looked for by a picture, and again by what was handed on."""
    first = some_candidates(3, 30)
    again = Candidates(("other", *NAMES), first.hits.copy(), first.met)
    for name in ("node", "camera", "cell"):
        again.hits[name] += 1  # another answer has names of its own
    again.hits["distance"] //= 2
    together = side_by_side([first, again])
    assert len(together) == len(first)
    nearer = {(one.sighting, one.modality): one.distance for one in again}
    assert {(one.sighting, one.modality): one.distance for one in together} == nearer


def test_a_window_is_exact_to_the_millisecond() -> None:
    """Who ends as it begins is inside, who begins as it ends is not."""
    some = some_candidates(5, 1)
    some.hits["camera"], some.hits["cell"] = 2, 6
    begin, end = (round(moment.timestamp() * 1000) for moment in WINDOW)
    for start, until, inside in ((begin - 9, begin, 1), (begin - 9, begin - 1, 0), (end - 1, end, 1), (end, end, 0)):
        some.hits["start"], some.hits["end"] = start, until
        fresh = Candidates(some.names, some.hits.copy(), some.met)
        assert len(observe(fresh, GRAPH, WINDOW, LAWS)) == inside
        assert len(observe(tuple(fresh), GRAPH, WINDOW, LAWS)) == inside
    assert WINDOW[1] - WINDOW[0] == timedelta(hours=3)
