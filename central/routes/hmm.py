"""Forward, backward and Viterbi over a hidden path through observations in order of time (Rabiner 1989).

The states are "at observation j" for each j; all that is not on the path is a false alarm. A step may go from any
observation to any later one, so times between observations may be of any length: a hidden semi-Markov model.
Everything is in natural logarithms. `steps[j]` [j] holds the weights of the steps into j from each earlier observation:
transition times emission; `initial` [n] holds those of beginning at j, `final` [n] those of ending there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]


def forward(initial: Floats, steps: Sequence[Floats]) -> Floats:
    """ln of the weight of all paths that end at each observation [n], without `final`."""
    alpha = np.array(initial, np.float64)
    for j in range(1, len(alpha)):
        alpha[j] = np.logaddexp(alpha[j], log_sum(alpha[:j] + steps[j]))
    return alpha


def backward(final: Floats, steps: Sequence[Floats]) -> Floats:
    """ln of the weight of all ways to go on from each observation [n] to the end."""
    beta = np.array(final, np.float64)
    # Pushed from the back: when j's turn comes, everything after j has been added to it.
    for j in range(len(beta) - 1, 0, -1):
        np.logaddexp(beta[:j], steps[j] + beta[j], out=beta[:j])
    return beta


def posterior(initial: Floats, steps: Sequence[Floats], final: Floats, empty: float) -> npt.NDArray[np.float64]:
    """P(observation j is on the path) [n], with `empty` the ln weight of no path at all."""
    alpha, beta = forward(initial, steps), backward(final, steps)
    total = np.logaddexp(empty, log_sum(alpha + final))
    return np.asarray(np.exp(np.minimum(alpha + beta - total, 0.0)), np.float64)


def viterbi(initial: Floats, steps: Sequence[Floats], final: Floats, empty: float) -> list[int]:
    """The path of greatest weight as positions in order; none where `empty` weighs as much. Of equals, the earlier."""
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


def log_sum(x: Floats) -> float:
    """ln Σ exp(x); -inf of nothing."""
    top = float(x.max()) if len(x) else -np.inf
    return top + float(np.log(np.exp(x - top).sum())) if np.isfinite(top) else top
