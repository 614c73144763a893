"""What several parts of the box do with pictures: cut, measure."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from edge.vision import Picture


def cut(rgb: Picture, box: npt.NDArray[np.floating], smallest: tuple[int, int] = (1, 1)) -> Picture | None:
    """The part of the picture inside the box, a view; none where less than `smallest` (width, height) is left of it."""
    height, width = rgb.shape[:2]
    x1, y1 = max(0, round(float(box[0]))), max(0, round(float(box[1])))
    x2, y2 = min(width, round(float(box[2]))), min(height, round(float(box[3])))
    if x2 - x1 < smallest[0] or y2 - y1 < smallest[1]:
        return None
    return rgb[y1:y2, x1:x2]


def sharpness(rgb: Picture) -> float:
    """0..1 from the variance of the Laplacian of a grey picture; 100 grey levels squared count as half sharp."""
    variance = float(cv2.Laplacian(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.CV_64F).var())
    return variance / (variance + 100.0)


def resize(rgb: Picture, width: int, height: int) -> Picture:
    """Averages where it shrinks, so that fine patterns do not turn into noise; interpolates where it grows."""
    shrinks = width * height < rgb.shape[0] * rgb.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=method), np.uint8)
