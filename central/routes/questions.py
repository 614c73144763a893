"""Which sightings to ask the patient about: those whose answers, yes or no, would settle most of the route.

The value of an answer is how many more visits are rightly told from wrong ones once it is known, in the mean over both
answers (expected value of sample information, Raiffa and Schlaifer 1961), read off paths drawn from the posterior.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from central.routes.explanations import drawn_paths
from central.routes.reconstruct import ACCEPT, Weighed
from central.search.candidates import Candidate

_PATHS = 400
# A share of fewer paths than this is too rough to build on.
_FEWEST = 8


@dataclass(frozen=True, slots=True)
class Question:
    """Was this the patient? `value` is how many visits more would be right in the mean once it is answered."""

    candidate: Candidate
    confidence: float
    value: float


def questions(found: Weighed, most: int, asked: Collection[str] = (), seed: int = 0) -> tuple[Question, ...]:
    """The most valuable questions that were not `asked` yet, the best first; of equal ones, the more likely first.

    One answer changes the value of the others: ask again after each.
    """
    if not len(found.seen):
        return ()
    paths = drawn_paths(found.chain, _PATHS, np.random.default_rng(seed))
    value = answers_worth(paths)
    names = found.names
    order = sorted(range(len(names)), key=lambda k: (-round(float(value[k]), 3), -found.confidence[k], names[k]))
    best = [k for k in order if names[k] not in asked][:most]
    return tuple(Question(found.seen.parts[k][0], float(found.confidence[k]), float(value[k])) for k in best)


def answers_worth(paths: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    """The value of knowing each observation [n], from equally likely paths [count, n]."""
    count, yes = len(paths), paths.sum(axis=0)
    worth, now = np.zeros(paths.shape[1]), _rightly_told(paths)
    for k in np.flatnonzero((yes >= _FEWEST) & (yes <= count - _FEWEST)):
        on, off = paths[paths[:, k]], paths[~paths[:, k]]
        worth[k] = (len(on) * _rightly_told(on) + len(off) * _rightly_told(off)) / count - now
    return worth.clip(0.0)


def _rightly_told(paths: npt.NDArray[np.bool_]) -> float:
    """Expected right visits minus as many as are wrongly reported, when the likelier are reported."""
    return float((paths.mean(axis=0) - ACCEPT).clip(0.0).sum() / (1 - ACCEPT))
