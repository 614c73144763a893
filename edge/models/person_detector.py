"""Finds people in a whole picture with NanoDet, on tiles, so that the small figures of a street camera are seen too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from edge.geometry.boxes import Boxes, Scores, keep_best
from edge.inference import Floats, Session
from edge.inference.pixels import PixelTable
from edge.pictures import resize
from edge.vision import Picture

MODEL: Final = "nanodet_dyn"

_STRIDES: Final = (8, 16, 32)
_SCORES: Final = ("Identity", "Identity_1", "Identity_2")
_SIDES: Final = ("Identity_3", "Identity_4", "Identity_5")
_PERSON: Final = 0  # column of the 80 COCO classes
_BINS: Final = 11


@dataclass(frozen=True, slots=True)
class DetectorRules:
    """`lowest` score 0..1; tiles share `overlap` of their width, and what an inner edge cuts is dropped."""

    lowest: float = 0.25
    overlap: float = 0.2
    same: float = 0.5
    inside: float = 0.8
    cut_px: float = 3.0


class PersonDetector:
    """Boxes come back in pixels of the picture that went in."""

    def __init__(self, session: Session, rules: DetectorRules | None = None) -> None:
        self._session, self._rules = session, rules or DetectorRules()
        self._side = session.input.shape[2]
        self._table = PixelTable(session.input)
        self._centres = [_centres(self._side // stride, stride) for stride in _STRIDES]

    def detect(self, rgb: Picture) -> tuple[Boxes, Scores]:
        """Boxes [n, 4] and scores [n], best first."""
        rules = self._rules
        found = [self._detect_in(rgb, span) for span in spans(rgb.shape[1], rgb.shape[0], self._side, rules.overlap)]
        boxes = np.concatenate([boxes for boxes, _ in found])
        scores = np.concatenate([scores for _, scores in found])
        kept = keep_best(boxes, scores, rules.same, rules.inside)
        return boxes[kept], scores[kept]

    def _detect_in(self, rgb: Picture, span: tuple[int, int]) -> tuple[Boxes, Scores]:
        left, right = span
        boxes, scores = self._look(rgb[:, left:right])
        boxes[:, 0::2] += left
        cut = self._rules.cut_px
        whole = (boxes[:, 0] > left + cut) | (left == 0)
        whole &= (boxes[:, 2] < right - cut) | (right == rgb.shape[1])
        return boxes[whole], scores[whole]

    def _look(self, tile: Picture) -> tuple[Boxes, Scores]:
        """One run of the model on a tile, stretched to the model's square."""
        height, width = tile.shape[:2]
        stored = self._table(resize(tile, self._side, self._side))
        outputs = self._session.run(np.ascontiguousarray(stored.transpose(0, 3, 1, 2)))
        found = [
            self._read(outputs[s][0], outputs[b][0], i) for i, (s, b) in enumerate(zip(_SCORES, _SIDES, strict=True))
        ]
        boxes = np.concatenate([boxes for boxes, _ in found]) * (np.array([width, height] * 2) / self._side)
        return boxes, np.concatenate([scores for _, scores in found])

    def _read(self, scores: Floats, sides: Floats, level: int) -> tuple[Boxes, Scores]:
        """Boxes as distances from a cell's centre, each a distribution's mean (Li et al. 2020, arXiv:2006.04388)."""
        person = scores[:, _PERSON]
        rows = np.flatnonzero(person >= self._rules.lowest)
        bins = sides[rows].reshape(-1, 4, _BINS).astype(np.float64)
        likely = np.exp(bins - bins.max(axis=2, keepdims=True))
        away = (likely @ np.arange(_BINS)) / likely.sum(axis=2) * _STRIDES[level]
        centre = self._centres[level][rows]
        return np.concatenate([centre - away[:, :2], centre + away[:, 2:]], axis=1), person[rows].astype(np.float64)


def spans(width: int, height: int, side: int, overlap: float) -> list[tuple[int, int]]:
    """Left and right edges of the tiles: two overlapping halves where the picture is wide and larger than the model."""
    if width <= height or width <= side:
        return [(0, width)]
    tile = round(width / (2 - overlap))
    return [(0, tile), (width - tile, width)]


def _centres(cells: int, stride: int) -> npt.NDArray[np.float64]:
    along = (np.arange(cells) + 0.5) * stride
    return np.stack(np.meshgrid(along, along), axis=2).reshape(-1, 2)
