"""Which detection belongs to which track: boxes that overlap most, each used once."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from edge.geometry.boxes import Boxes, iou


def match(a: Boxes, b: Boxes, at_least: float) -> list[tuple[int, int]]:
    """Pairs (row of a, row of b) of greatest total overlap, each at least `at_least`."""
    if not len(a) or not len(b):
        return []
    overlap = iou(a, b)
    # A pair that is not allowed is worth nothing, so that it never pushes an allowed pair aside.
    allowed = np.where(overlap >= at_least, overlap, 0.0)
    rows, columns = linear_sum_assignment(allowed, maximize=True)
    return [(int(r), int(c)) for r, c in zip(rows, columns, strict=True) if overlap[r, c] >= at_least]
