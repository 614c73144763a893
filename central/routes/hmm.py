"""Forward, backward and Viterbi over a hidden path through observations in order of time (Rabiner 1989).

The states are "at observation j" for each j; all that is not on the path is a false alarm. A step may go from any
observation to any later one, so times between observations may be of any length: a hidden semi-Markov model.
Everything is in natural logarithms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
Float64 = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """A model of n observations. `initial` [n] are the weights of beginning at j, `steps[j]` [j] those of going on to j
    from each earlier observation, `final` [n] those of ending there, `empty` that of no path at all. `emission`
    [..., n] counts for each observation on the path; leading axes are kinds of world, each computed by itself."""

    initial: Floats
    steps: Sequence[Floats]
    emission: Floats
    final: Floats
    empty: float


def forward(chain: Chain) -> Float64:
    """ln of the weight of all paths that end at each observation [..., n], without `final`."""
    alpha = np.array(chain.emission + chain.initial, np.float64)
    for j in range(1, alpha.shape[-1]):
        onward = log_sum(alpha[..., :j] + chain.steps[j]) + chain.emission[..., j]
        alpha[..., j] = np.logaddexp(alpha[..., j], onward)
    return alpha


def backward(chain: Chain) -> Float64:
    """ln of the weight of all ways to go on from each observation [..., n] to the end."""
    beta = np.array(np.broadcast_to(chain.final, chain.emission.shape), np.float64)
    n = beta.shape[-1]
    onward = np.empty((n, n), np.result_type(np.float32, *{step.dtype for step in chain.steps}))  # [i, j] from i to j
    for j, step in enumerate(chain.steps):
        onward[:j, j] = step
    for i in range(n - 2, -1, -1):
        later = log_sum(onward[i, i + 1 :] + (chain.emission[..., i + 1 :] + beta[..., i + 1 :]))
        beta[..., i] = np.logaddexp(beta[..., i], later)
    return beta


def log_evidence(chain: Chain, alpha: Float64) -> Float64:
    """ln of the weight of all paths and of none [...]."""
    return np.asarray(np.logaddexp(chain.empty, log_sum(alpha + chain.final)), np.float64)


def posterior(chain: Chain) -> tuple[Float64, Float64]:
    """P(observation j is on the path) [..., n], and ln of the evidence [...]."""
    alpha, beta = forward(chain), backward(chain)
    total = log_evidence(chain, alpha)
    return np.asarray(np.exp(np.minimum(alpha + beta - total[..., None], 0.0)), np.float64), total


def sample(chain: Chain, alpha: Float64, random: np.random.Generator) -> list[int]:
    """A path drawn from its posterior, of a chain with one kind of world [n]: forward filtering, backward sampling
    (Frühwirth-Schnatter 1994)."""
    ends = np.append(alpha + chain.final, chain.empty)
    path, at = [], _draw(ends, random)
    while at < len(alpha) and at >= 0:
        path.append(at)
        before = np.append(alpha[:at] + chain.steps[at], chain.initial[at])
        came = _draw(before, random)
        at = came if came < at else -1
    return path[::-1]


def viterbi(initial: Floats, steps: Sequence[Floats], final: Floats, empty: float) -> list[int]:
    """The path of greatest weight as positions in order, where steps hold the emission too; none where `empty` weighs
    as much. Of equals, the earlier."""
    if not len(initial):
        return []
    best, before = np.array(initial, np.float64), np.full(len(initial), -1)
    for j in range(1, len(best)):
        arriving = best[:j] + steps[j]
        i = int(arriving.argmax())
        if arriving[i] > best[j]:
            best[j], before[j] = arriving[i], i
    last = int((best + final).argmax())
    path = [last] if best[last] + final[last] > empty else []
    while path and before[path[-1]] >= 0:
        path.append(int(before[path[-1]]))
    return path[::-1]


def log_sum(x: Floats) -> Float64:
    """ln Σ exp(x) over the last axis; -inf of nothing."""
    if not x.shape[-1]:
        return np.full(x.shape[:-1], -np.inf)
    top = x.max(axis=-1)
    safe = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        return np.asarray(safe + np.log(np.exp(x - safe[..., None]).sum(axis=-1)), np.float64)


def _draw(log_weights: Floats, random: np.random.Generator) -> int:
    """A position with a probability in proportion to its weight (Gumbel's trick)."""
    return int((log_weights + random.gumbel(size=len(log_weights))).argmax())
