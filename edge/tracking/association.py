"""Which detection belongs to which track: who overlaps and looks alike, each used once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from edge.geometry.boxes import Boxes, iou

Worth = npt.NDArray[np.float64]


def assign(worth: Worth) -> list[tuple[int, int]]:
    """Pairs (row, column) of greatest total worth; what is worth nothing is not allowed."""
    if not worth.size:
        return []
    rows, columns = linear_sum_assignment(worth, maximize=True)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if worth[r, c] > 0]


def match(a: Boxes, b: Boxes, at_least: float) -> list[tuple[int, int]]:
    """Pairs (row of a, row of b) of greatest total overlap, each at least `at_least`."""
    return assign(overlap_worth(a, b, at_least))


def overlap_worth(a: Boxes, b: Boxes, at_least: float) -> Worth:
    """The overlap [n, m] where it is at least that; a pair that is not allowed never pushes an allowed one aside."""
    overlap = iou(a, b)
    return np.where(overlap >= at_least, overlap, 0.0)


def near_worth(a: Boxes, b: Boxes, reach: npt.NDArray[np.float64]) -> Worth:
    """1 at the same place, 0.5 at `reach` [n] of its own heights away, 0 beyond or where the sizes do not fit."""
    tall_a, tall_b = a[:, 3] - a[:, 1], b[:, 3] - b[:, 1]
    apart = np.linalg.norm(_centres(a)[:, None] - _centres(b)[None, :], axis=2)
    share = apart / np.maximum(np.maximum(tall_a[:, None], tall_b[None, :]) * reach[:, None], 1e-9)
    ratio = tall_b[None, :] / np.maximum(tall_a[:, None], 1e-9)
    fits = (share < 1) & (ratio > 0.6) & (ratio < 1.6)
    return np.where(fits, 1 - share / 2, 0.0)


def _centres(boxes: Boxes) -> npt.NDArray[np.float64]:
    middles: npt.NDArray[np.float64] = (boxes[:, :2] + boxes[:, 2:]) / 2
    return middles
