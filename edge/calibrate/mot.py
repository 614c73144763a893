"""The usual figures of tracking: CLEAR MOT (Bernardin & Stiefelhagen 2008) and IDF1 (Ristani et al. 2016)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import linear_sum_assignment

from edge.geometry.boxes import iou

Box = tuple[float, float, float, float]
Frames = Mapping[int, Mapping[int, Box]]  # frame → number of a person → x1, y1, x2, y2

OVERLAP: Final = 0.5


@dataclass(frozen=True, slots=True)
class TrackingFigures:
    """Shares 0..1, but for `mota`, which falls below 0 where the mistakes outnumber the people."""

    precision: float
    recall: float
    idf1: float
    mota: float
    switches: int


def score(truth: Frames, found: Frames) -> TrackingFigures:
    """Figures over the frames of `truth`. A box counts where it overlaps a true one by at least half (IoU)."""
    hits = switches = wanted = told = 0
    held: dict[int, int] = {}
    together: Counter[tuple[int, int]] = Counter()
    for frame, people in truth.items():
        tracks = found.get(frame, {})
        wanted, told = wanted + len(people), told + len(tracks)
        together.update(_overlapping(people, tracks))
        pairs = _correspond(people, tracks, held)
        switches += sum(held.get(person, track) != track for person, track in pairs.items())
        held.update(pairs)
        hits += len(pairs)
    precision, recall = hits / max(told, 1), hits / max(wanted, 1)
    mota = 1 - (wanted - hits + told - hits + switches) / max(wanted, 1)
    return TrackingFigures(precision, recall, 2 * _identified(together) / max(wanted + told, 1), mota, switches)


def _correspond(people: Mapping[int, Box], tracks: Mapping[int, Box], held: Mapping[int, int]) -> dict[int, int]:
    """Person → track: pairs of before that still overlap stay, the rest is assigned anew."""
    near = set(_overlapping(people, tracks))
    kept = {person: held[person] for person in people if (person, held.get(person)) in near}
    left = [person for person in people if person not in kept]
    free = [track for track in tracks if track not in kept.values()]
    if not left or not free:
        return kept
    worth = iou(_array(people, left), _array(tracks, free))
    worth = np.where(worth >= OVERLAP, worth, 0.0)
    rows, columns = linear_sum_assignment(worth, maximize=True)
    new = {left[r]: free[c] for r, c in zip(rows, columns, strict=True) if worth[r, c] > 0}
    return kept | new


def _identified(together: Counter[tuple[int, int]]) -> int:
    """Frames told right if each person is given the one track that fits best over the whole time."""
    if not together:
        return 0
    people, tracks = (sorted({pair[side] for pair in together}) for side in (0, 1))
    frames = np.array([[together[person, track] for track in tracks] for person in people])
    rows, columns = linear_sum_assignment(frames, maximize=True)
    return int(frames[rows, columns].sum())


def _overlapping(people: Mapping[int, Box], tracks: Mapping[int, Box]) -> list[tuple[int, int]]:
    if not people or not tracks:
        return []
    near = iou(_array(people, list(people)), _array(tracks, list(tracks))) >= OVERLAP
    persons, numbers = list(people), list(tracks)
    return [(persons[r], numbers[c]) for r, c in np.argwhere(near)]


def _array(boxes: Mapping[int, Box], keys: list[int]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return np.array([boxes[key] for key in keys], np.float64).reshape(-1, 4)
