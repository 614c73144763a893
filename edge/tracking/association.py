"""Which detection belongs to which track: boxes that overlap most, each used once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

Boxes = npt.NDArray[np.float64]


def iou(a: Boxes, b: Boxes) -> npt.NDArray[np.float64]:
    """Intersection over union of boxes x1, y1, x2, y2: [n, 4] and [m, 4] → [n, m] in 0..1."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    together = _area(a)[:, None] + _area(b)[None, :] - shared
    ratio: npt.NDArray[np.float64] = shared / np.maximum(together, 1e-9)
    return ratio


def match(a: Boxes, b: Boxes, at_least: float) -> list[tuple[int, int]]:
    """Pairs (row of a, row of b) of greatest total overlap, each at least `at_least`."""
    if not len(a) or not len(b):
        return []
    overlap = iou(a, b)
    # A pair that is not allowed is worth nothing, so that it never pushes an allowed pair aside.
    allowed = np.where(overlap >= at_least, overlap, 0.0)
    rows, columns = linear_sum_assignment(allowed, maximize=True)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if overlap[r, c] >= at_least]


def _area(boxes: Boxes) -> npt.NDArray[np.float64]:
    sides: npt.NDArray[np.float64] = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None)
    area: npt.NDArray[np.float64] = sides.prod(axis=1)
    return area
