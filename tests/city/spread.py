"""Random directions that are not spread evenly: how alike two of them are, in the mean, is what is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Float32 = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """Directions with variances `spectrum` [d] along the rows of `matrix` [d, d]."""

    spectrum: npt.NDArray[np.float64]
    matrix: Float32

    def draw(self, count: int, random: np.random.Generator) -> Float32:
        """Unit vectors [count, d]."""
        return unit(random.standard_normal((count, len(self.matrix)), np.float32) @ self.matrix)


def make_spread(d: int, sd: float, turn: npt.NDArray[Any], against: Spread | None = None) -> Spread:
    """Directions whose cosines with each other, or with those of `against`, have the standard deviation `sd`.

    With variances a and b along common axes, cosines have the variance Σab/(Σa·Σb); here b = r^i, with r by halving.
    `turn` [d, d] is orthogonal and keeps the axes from being the coordinates.
    """
    low, high = 0.3, 1.0
    for _ in range(50):
        r = (low + high) / 2
        low, high = (r, high) if _variance(d, r, against) > sd**2 else (low, r)
    spectrum = np.asarray(low ** np.arange(d), np.float64)
    return Spread(spectrum, np.asarray(np.sqrt(spectrum)[:, None] * turn, np.float32))


def unit(x: npt.NDArray[Any]) -> Float32:
    """Rows brought to length 1."""
    return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True), np.float32)


def _variance(d: int, r: float, against: Spread | None) -> float:
    own = r ** np.arange(d)
    other = own if against is None else against.spectrum
    return float((own * other).sum() / (own.sum() * other.sum()))
