"""How the two linear maps among the weights are learned; closed formulas, so that anybody can learn them again."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from edge.models.linear_map import LinearMap
from edge.vision import Floats

_WITHIN_RIDGE = 3.0  # times the mean variance; 1 to 3 do about as well
_TURN_RIDGE = 0.01


def within_people(seen: Floats, people: npt.NDArray[np.str_]) -> LinearMap:
    """Features [n, d] of known people → a map in which one person's pictures vary as much in each direction as in any.

    What differs between two cameras, or from the front to the back, then counts little: within-class covariance
    normalisation (Hatch et al. 2006), with a ridge because there are fewer people than dimensions.
    """
    own = np.stack([seen[people == person].mean(axis=0) for person in people])
    spread = (seen - own).T @ (seen - own) / len(seen)
    dimensions = seen.shape[1]
    values, directions = np.linalg.eigh(spread / np.trace(spread) + _WITHIN_RIDGE * np.eye(dimensions) / dimensions)
    return _map(seen.mean(axis=0), (directions / np.sqrt(values)) @ directions.T)


def turn_back(changed: Floats, original: Floats) -> LinearMap:
    """Pairs [n, d] → the map that takes a changed embedding nearest to its original (ridge regression)."""
    mean, dimensions = changed.mean(axis=0), changed.shape[1]
    centred = changed - mean
    spread = centred.T @ centred / len(changed) + _TURN_RIDGE * np.eye(dimensions) / dimensions
    return _map(mean, np.linalg.solve(spread, centred.T @ original / len(changed)))


def _map(mean: npt.NDArray[np.floating], matrix: npt.NDArray[np.floating]) -> LinearMap:
    return LinearMap(mean.astype(np.float32), matrix.astype(np.float32))
