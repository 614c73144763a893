"""Finds faces and six landmarks in a picture with BlazeFace (Bazarevsky et al. 2019, arXiv:1907.05047)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from edge.geometry.boxes import iou
from edge.inference import Floats, Session
from edge.inference.pixels import PixelTable
from edge.pictures import resize
from edge.vision import Face, Picture

NEAR: Final = "face_short_range"
FAR: Final = "face_back"

_LANDMARKS: Final = 6


@dataclass(frozen=True, slots=True)
class Layout:
    """How the model's anchors lie: for each grid its stride in pixels and how many anchors a cell has."""

    grids: tuple[tuple[int, int], ...]
    boxes: str = "regressors"
    scores: str = "classificators"


LAYOUTS: Final = {NEAR: Layout(((8, 2), (16, 6))), FAR: Layout(((16, 2), (32, 6)))}


class FaceDetector:
    """`lowest` is the least score 0..1; boxes of one face overlap by more than `same` and are averaged by score."""

    def __init__(self, session: Session, layout: Layout, lowest: float = 0.3, same: float = 0.3) -> None:
        self._session, self._layout, self._lowest, self._same = session, layout, lowest, same
        self._side = session.input.shape[1]
        self._table = PixelTable(session.input, mean=(0.5,), deviation=(0.5,))
        self._anchors = np.concatenate([_centres(self._side // stride, each) for stride, each in layout.grids])

    def detect(self, rgb: Picture) -> list[Face]:
        """Faces in pixels of the picture that went in, the surest first."""
        square, scale, left, top = _letterbox(rgb, self._side)
        outputs = self._session.run(self._table(square))
        logits = outputs[self._layout.scores][0, :, 0]
        scores = np.asarray(1 / (1 + np.exp(-np.clip(logits, -50, 50))), np.float32)
        rows = np.flatnonzero(scores >= self._lowest)
        points = self._points(outputs[self._layout.boxes][0], rows)
        points = (points * self._side - np.array([left, top], np.float32)) / np.float32(scale)
        return self._merge(points, scores[rows])

    def _points(self, raw: Floats, rows: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Floats:
        """Corners and landmarks [n, 8, 2] in units of the square's side."""
        values = raw[rows].reshape(-1, 2 + _LANDMARKS, 2) / np.float32(self._side)
        anchors = self._anchors[rows][:, None]
        centre, size = values[:, :1] + anchors, values[:, 1:2]
        return np.concatenate([centre - size / 2, centre + size / 2, values[:, 2:] + anchors], axis=1)

    def _merge(self, points: Floats, scores: Floats) -> list[Face]:
        """One face of each heap of overlapping boxes: their mean, weighted by score."""
        boxes = points[:, :2].reshape(-1, 4).astype(np.float64)
        left = np.argsort(-scores, kind="stable")
        faces: list[Face] = []
        while len(left):
            together = iou(boxes[left[:1]], boxes[left])[0] > self._same
            together[0] = True
            heap = left[together]
            mean = np.average(points[heap], axis=0, weights=scores[heap]).astype(np.float32)
            faces.append(Face(mean[:2].reshape(4), mean[2:], float(scores[heap[0]])))
            left = left[~together]
        return faces


def _letterbox(rgb: Picture, side: int) -> tuple[Picture, float, int, int]:
    """The picture within a black square, its scale, and how far it lies from the left and the top."""
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    inner = resize(rgb, max(1, round(width * scale)), max(1, round(height * scale)))
    top, left = (side - inner.shape[0]) // 2, (side - inner.shape[1]) // 2
    square = np.zeros((side, side, 3), np.uint8)
    square[top : top + inner.shape[0], left : left + inner.shape[1]] = inner
    return square, scale, left, top


def _centres(cells: int, each: int) -> Floats:
    along = (np.arange(cells, dtype=np.float32) + np.float32(0.5)) / np.float32(cells)
    grid = np.stack(np.meshgrid(along, along), axis=2).reshape(-1, 2)
    return np.repeat(grid, each, axis=0)
