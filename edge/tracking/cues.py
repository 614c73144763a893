"""What a picture tells about detections beside their place: the colours of the clothes, and whether anything stirs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from edge.geometry.boxes import Boxes
from edge.pictures import cut, resize
from edge.vision import Floats, Picture

_THUMB: Final = (16, 32)  # width and height at which colours are counted
_HUES, _LEVELS, _GREYS = 8, 4, 8
_COLOURED: Final = (40, 30)  # least saturation and value of 255 at which a hue means something
_PARTS: Final = ((0.12, 0.50), (0.50, 0.90))  # upper and lower body, in shares of the height
_WATCHED_WIDTH: Final = 384
_BEFORE: Final = timedelta(seconds=0.8)
_CHANGED_BY: Final = 15  # grey levels: above a camera's noise once pixels are averaged


@dataclass(frozen=True, slots=True, eq=False)
class Cues:
    """For n detections: `looks` unit vectors [n, d], and `stirs` [n], the share of the box that changed of late."""

    looks: Floats
    stirs: npt.NDArray[np.float64]

    @classmethod
    def none(cls, n: int) -> Cues:
        """Where there is no picture to ask: everybody looks alike and moves."""
        return cls(np.ones((n, 1), np.float32), np.ones(n))


class CueFinder:
    """Remembers small grey pictures of the last second, nothing else."""

    def __init__(self) -> None:
        self._recent: deque[tuple[datetime, npt.NDArray[np.uint8]]] = deque()

    def look(self, now: datetime, rgb: Picture, boxes: Boxes) -> Cues:
        """Take one frame and the boxes [n, 4] found in it."""
        looks = [colours(rgb, box) for box in boxes]
        stacked = np.stack(looks) if looks else np.empty((0, 1), np.float32)
        return Cues(stacked, self._stirs(now, rgb, boxes))

    def _stirs(self, now: datetime, rgb: Picture, boxes: Boxes) -> npt.NDArray[np.float64]:
        scale = min(1.0, _WATCHED_WIDTH / rgb.shape[1])
        small = resize(rgb, round(rgb.shape[1] * scale), max(1, round(rgb.shape[0] * scale)))
        grey = np.asarray(cv2.cvtColor(small, cv2.COLOR_RGB2GRAY), np.uint8)
        self._recent.append((now, grey))
        while len(self._recent) > 1 and now - self._recent[1][0] >= _BEFORE:
            self._recent.popleft()
        before = self._recent[0][1]
        if len(self._recent) == 1 or before.shape != grey.shape:
            self._recent = deque([(now, grey)])
            return np.ones(len(boxes))  # nothing to compare with: nobody is taken for scenery
        return _shares(cv2.absdiff(grey, before) > _CHANGED_BY, boxes * scale)


def colours(rgb: Picture, box: npt.NDArray[np.float64]) -> Floats:
    """Square roots of colour frequencies of upper and lower body, at unit length: their product is a Bhattacharyya
    coefficient (Comaniciu et al. 2003, on tracking by colour)."""
    side = (box[2] - box[0]) / 6  # the background beside a person is narrower than this
    body = cut(rgb, box + np.array([side, 0, -side, 0]), (2, 4))
    if body is None:
        return np.zeros(2 * (_HUES * _LEVELS + _GREYS), np.float32)
    hsv = cv2.cvtColor(resize(body, *_THUMB), cv2.COLOR_RGB2HSV).reshape(_THUMB[1], -1, 3)
    parts = np.concatenate([_count(hsv[round(a * _THUMB[1]) : round(b * _THUMB[1])].reshape(-1, 3)) for a, b in _PARTS])
    return np.asarray(parts / np.linalg.norm(parts), np.float32)


def _count(hsv: npt.NDArray[np.uint8]) -> Floats:
    hue, saturation, value = (hsv[:, k].astype(np.intp) for k in range(3))
    coloured = (saturation >= _COLOURED[0]) & (value >= _COLOURED[1])
    bins = np.where(
        coloured,
        np.minimum(hue * _HUES // 180, _HUES - 1) * _LEVELS + value * _LEVELS // 256,
        _HUES * _LEVELS + value * _GREYS // 256,
    )
    return np.sqrt(np.bincount(bins, minlength=_HUES * _LEVELS + _GREYS) / len(hsv)).astype(np.float32)


def _shares(changed: npt.NDArray[np.bool_], boxes: Boxes) -> npt.NDArray[np.float64]:
    """The share of changed pixels in each box, from running sums (Crow 1984)."""
    sums = cv2.integral(changed.astype(np.uint8))
    return np.array([_share(sums, box) for box in boxes], np.float64)


def _share(sums: npt.NDArray[np.generic], box: npt.NDArray[np.float64]) -> float:
    height, width = sums.shape
    x1, x2 = (int(np.clip(round(x), 0, width - 1)) for x in (box[0], box[2]))
    y1, y2 = (int(np.clip(round(y), 0, height - 1)) for y in (box[1], box[3]))
    inside = float(sums[y2, x2]) - float(sums[y1, x2]) - float(sums[y2, x1]) + float(sums[y1, x1])
    return inside / max(1, (x2 - x1) * (y2 - y1))
