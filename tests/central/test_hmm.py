"""Forward, backward and Viterbi against the sum over every path."""

from __future__ import annotations

import math
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.routes.hmm import backward, forward, log_sum, posterior, viterbi

Model = tuple[npt.NDArray[np.float64], list[npt.NDArray[np.float64]], npt.NDArray[np.float64], float]


@st.composite
def models(draw: st.DrawFn) -> Model:
    """Up to six observations with random weights, some steps impossible."""
    n = draw(st.integers(0, 6))
    weight = st.floats(-8, 4).map(lambda x: x if x > -7 else -math.inf)
    initial, final = (np.array(draw(st.lists(st.floats(-6, 3), min_size=n, max_size=n))) for _ in "if")
    steps = [np.array(draw(st.lists(weight, min_size=j, max_size=j)), np.float64) for j in range(n)]
    return initial, steps, final, draw(st.floats(-3, 3))


def every_path(model: Model) -> dict[tuple[int, ...], float]:
    initial, steps, final, empty = model
    weights: dict[tuple[int, ...], float] = {(): empty}
    for length in range(1, len(initial) + 1):
        for path in combinations(range(len(initial)), length):
            between = sum(float(steps[j][i]) for i, j in pairwise(path))
            weights[path] = float(initial[path[0]]) + between + float(final[path[-1]])
    return weights


@given(models())
def test_posteriors_are_those_of_all_paths_together(model: Model) -> None:
    """P(on the path) equals the share of the weight of all paths through it."""
    weights = every_path(model)
    total = sum(map(math.exp, weights.values()))
    found = posterior(*model)
    for j in range(len(model[0])):
        through = sum(math.exp(weight) for path, weight in weights.items() if j in path)
        assert found[j] == pytest.approx(through / total, abs=1e-6)


@given(models())
def test_forward_and_backward_agree(model: Model) -> None:
    """Summed over where paths end and over where they begin, the total is the same."""
    initial, steps, final, _ = model
    ends, begins = log_sum(forward(initial, steps) + final), log_sum(initial + backward(final, steps))
    assert ends == pytest.approx(begins, abs=1e-9) or ends == begins


@given(models())
def test_viterbi_finds_the_heaviest_path(model: Model) -> None:
    """No path weighs more than the one found, and none at all is an answer."""
    weights = every_path(model)
    assert weights[tuple(viterbi(*model))] == pytest.approx(max(weights.values()), abs=1e-9)


def test_nothing_seen_is_no_path() -> None:
    """Without observations there is no path, no posterior, no complaint."""
    nothing = np.empty(0)
    assert viterbi(nothing, [], nothing, 0.0) == []
    assert posterior(nothing, [], nothing, 0.0).tolist() == []
