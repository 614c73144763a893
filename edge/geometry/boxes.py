"""Rectangles in a picture: x1, y1, x2, y2 in pixels, rows of a float array."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[np.float64]
Scores = npt.NDArray[np.float64]


def area(boxes: Boxes) -> npt.NDArray[np.float64]:
    """Square pixels, [n]."""
    sides = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None)
    covered: npt.NDArray[np.float64] = sides.prod(axis=1)
    return covered


def intersection(a: Boxes, b: Boxes) -> npt.NDArray[np.float64]:
    """Square pixels that both cover: [n, 4] and [m, 4] → [n, m]."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    shared: npt.NDArray[np.float64] = np.clip(high - low, 0, None).prod(axis=2)
    return shared


def iou(a: Boxes, b: Boxes) -> npt.NDArray[np.float64]:
    """Intersection over union: [n, 4] and [m, 4] → [n, m] in 0..1."""
    shared = intersection(a, b)
    together = area(a)[:, None] + area(b)[None, :] - shared
    ratio: npt.NDArray[np.float64] = shared / np.maximum(together, 1e-9)
    return ratio


def keep_best(boxes: Boxes, scores: Scores, overlap: float, inside: float) -> npt.NDArray[np.intp]:
    """Rows to keep, best first: non-maximum suppression.

    A box goes where it shares more than `overlap` (IoU) with a better one, or lies inside it by more than `inside` of
    the smaller one's area: half a person at the edge of a tile, or a body within the box of the whole.
    """
    order = np.argsort(-scores, kind="stable")
    boxes = boxes[order]
    shared, areas = intersection(boxes, boxes), area(boxes)
    smaller = np.minimum(areas[:, None], areas[None, :])
    union = areas[:, None] + areas[None, :] - shared
    clash = (shared > overlap * union) | (shared > inside * smaller)
    kept: list[int] = []
    for row in range(len(boxes)):
        if not clash[row, kept].any():
            kept.append(row)
    return order[kept]
