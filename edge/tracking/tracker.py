"""Follows people from frame to frame, in the spirit of ByteTrack (Zhang et al. 2022, arXiv:2110.06864).

Confident detections are matched first, then the doubtful ones continue tracks that would otherwise be lost in a crowd.
Boxes move at constant velocity while nobody is seen.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from edge.geometry.boxes import Boxes
from edge.tracking.association import match


@dataclass(frozen=True, slots=True)
class TrackerRules:
    """Scores are 0..1. `longest` cuts a track of somebody who stays, so that a power cut costs at most that much."""

    sure: float = 0.5
    doubtful: float = 0.15
    overlap: float = 0.2
    doubtful_overlap: float = 0.4
    confirm_hits: int = 3
    lost_after: timedelta = timedelta(seconds=1.5)
    longest: timedelta = timedelta(minutes=10)
    smoothing: float = 0.5


@dataclass(slots=True, eq=False)
class Track:
    """One person in one camera. `box` is x1, y1, x2, y2 in pixels at `end`; `path` holds (time, box) of every hit."""

    number: int
    start: datetime
    end: datetime
    box: npt.NDArray[np.float64]
    velocity: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(4))
    path: list[tuple[datetime, npt.NDArray[np.float64]]] = field(default_factory=list, repr=False)

    @property
    def hits(self) -> int:
        return len(self.path)

    def predict(self, now: datetime) -> npt.NDArray[np.float64]:
        """Where the box would be at `now`."""
        moved: npt.NDArray[np.float64] = self.box + self.velocity * (now - self.end).total_seconds()
        return moved

    def see(self, now: datetime, box: npt.NDArray[np.float64], smoothing: float) -> None:
        elapsed = (now - self.end).total_seconds()
        if elapsed > 0:
            measured = (box - self.box) / elapsed
            self.velocity = measured if self.hits == 1 else self.velocity + smoothing * (measured - self.velocity)
        self.box, self.end = box, now
        self.path.append((now, box))


class Tracker:
    """Numbers its tracks from `numbers`, which becomes the number of the sighting."""

    def __init__(self, rules: TrackerRules | None = None, numbers: Iterator[int] | None = None) -> None:
        self._rules = rules or TrackerRules()
        self._numbers = numbers or itertools.count(1)
        self._tracks: list[Track] = []

    @property
    def live(self) -> list[Track]:
        """Tracks seen often enough to be a person."""
        return [track for track in self._tracks if track.hits >= self._rules.confirm_hits]

    @property
    def all(self) -> list[Track]:
        return list(self._tracks)

    def advance(self, now: datetime, boxes: Boxes, scores: npt.NDArray[np.float64]) -> list[Track]:
        """Take the detections of one frame, [n, 4] pixels and [n]; returns the tracks that ended before it."""
        rules = self._rules
        sure, doubtful = scores >= rules.sure, (scores >= rules.doubtful) & (scores < rules.sure)
        unseen, fresh = self._continue(self._tracks, now, boxes[sure], rules.overlap)
        self._continue(unseen, now, boxes[doubtful], rules.doubtful_overlap)
        ended = self._retire(now)
        for box in fresh:
            self._tracks.append(Track(next(self._numbers), now, now, box, path=[(now, box)]))
        return ended

    def finish(self) -> list[Track]:
        """The camera has ended: so has every track."""
        ended, self._tracks = self.live, []
        return ended

    def _continue(
        self, tracks: Sequence[Track], now: datetime, boxes: Boxes, overlap: float
    ) -> tuple[list[Track], list[npt.NDArray[np.float64]]]:
        predicted = np.array([track.predict(now) for track in tracks]).reshape(-1, 4)
        pairs = match(predicted, boxes, overlap)
        for t, b in pairs:
            tracks[t].see(now, boxes[b], self._rules.smoothing)
        seen, used = {t for t, _ in pairs}, {b for _, b in pairs}
        return (
            [track for t, track in enumerate(tracks) if t not in seen],
            [box for b, box in enumerate(boxes) if b not in used],
        )

    def _retire(self, now: datetime) -> list[Track]:
        over = [track for track in self._tracks if self._is_over(track, now)]
        self._tracks = [track for track in self._tracks if track not in over]
        return [track for track in over if track.hits >= self._rules.confirm_hits]

    def _is_over(self, track: Track, now: datetime) -> bool:
        too_long = now - track.start >= self._rules.longest
        return too_long or now - track.end > self._rules.lost_after
