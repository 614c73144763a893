"""Forward, backward and Viterbi against the sum over every path."""

from __future__ import annotations

import math
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.routes.hmm import Chain, backward, forward, log_sum, posterior, sample, viterbi


@st.composite
def models(draw: st.DrawFn) -> Chain:
    """Up to six observations in two kinds of world with random weights, some steps impossible."""
    n = draw(st.integers(0, 6))
    weight = st.floats(-8, 4).map(lambda x: x if x > -7 else -math.inf)
    initial, final, *emission = (np.array(draw(st.lists(st.floats(-6, 3), min_size=n, max_size=n))) for _ in "ifab")
    steps = [np.array(draw(st.lists(weight, min_size=j, max_size=j)), np.float64) for j in range(n)]
    return Chain(initial, steps, np.stack(emission), final, draw(st.floats(-3, 3)))


def every_path(model: Chain, world: int) -> dict[tuple[int, ...], float]:
    n = len(model.initial)
    weights: dict[tuple[int, ...], float] = {(): model.empty}
    for length in range(1, n + 1):
        for path in combinations(range(n), length):
            between = sum(float(model.steps[j][i]) for i, j in pairwise(path))
            seen = sum(float(model.emission[world, j]) for j in path)
            weights[path] = float(model.initial[path[0]]) + between + seen + float(model.final[path[-1]])
    return weights


@given(models())
def test_posteriors_are_those_of_all_paths_together(model: Chain) -> None:
    """P(on the path) equals the share of the weight of all paths through it, in each world by itself."""
    found, evidence = posterior(model)
    for world in range(2):
        weights = every_path(model, world)
        total = sum(map(math.exp, weights.values()))
        assert evidence[world] == pytest.approx(math.log(total), abs=1e-6)
        for j in range(len(model.initial)):
            through = sum(math.exp(weight) for path, weight in weights.items() if j in path)
            assert found[world, j] == pytest.approx(through / total, abs=1e-6)


@given(models())
def test_forward_and_backward_agree(model: Chain) -> None:
    """Summed over where paths end and over where they begin, the total is the same."""
    ends = log_sum(forward(model) + model.final)
    begins = log_sum(model.initial + model.emission + backward(model))
    assert ends == pytest.approx(begins, abs=1e-9)


@given(models())
def test_viterbi_finds_the_heaviest_path(model: Chain) -> None:
    """No path weighs more than the one found, and none at all is an answer."""
    weights, seen = every_path(model, 0), model.emission[0]
    steps = [step + seen[j] for j, step in enumerate(model.steps)]
    best = viterbi(model.initial + seen, steps, model.final, model.empty)
    assert weights[tuple(best)] == pytest.approx(max(weights.values()), abs=1e-9)


@given(models(), st.integers(0, 2**32))
def test_drawn_paths_are_possible_and_likely_ones_are_drawn(model: Chain, seed: int) -> None:
    """A drawn path has a weight, and how often each observation is on one is its posterior."""
    weights, random = every_path(model, 0), np.random.default_rng(seed)
    one = Chain(model.initial, model.steps, model.emission[0], model.final, model.empty)
    alpha, draws = forward(one), 60
    paths = [tuple(sample(one, alpha, random)) for _ in range(draws)]
    assert all(weights[path] > -math.inf for path in paths)
    for j, expected in enumerate(posterior(one)[0]):
        share = sum(j in path for path in paths) / draws
        assert share == pytest.approx(float(expected), abs=6 * math.sqrt(0.25 / draws))


def test_nothing_seen_is_no_path() -> None:
    """Without observations there is no path, no posterior, no complaint."""
    nothing = np.empty(0)
    assert viterbi(nothing, [], nothing, 0.0) == []
    assert posterior(Chain(nothing, [], nothing, nothing, 0.0))[0].tolist() == []
