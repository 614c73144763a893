"""Follows people from frame to frame, in the spirit of ByteTrack (Zhang et al. 2022, arXiv:2110.06864).

Confident detections are matched first, then the doubtful ones continue tracks that would otherwise be lost in a crowd;
last, somebody who was hidden is known again by place and clothes. What never moves is scenery and no person.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import numpy.typing as npt

from edge.geometry.boxes import Boxes, Scores
from edge.tracking.association import Worth, assign, near_worth, overlap_worth
from edge.tracking.cues import Cues
from edge.tracking.track import Track

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class TrackerRules:
    """Scores, overlaps and likeness are 0..1. Tuned on PETS S2.L1: see DECISIONS.md.

    `longest` cuts a track of somebody who stays, so that a power cut costs at most that much. Below `smallest_px` of
    height a person shows neither face nor clothes, and is not followed.
    """

    sure: float = 0.55
    doubtful: float = 0.3
    overlap: float = 0.2
    doubtful_overlap: float = 0.3
    alike_counts: float = 0.6
    doubtful_alike: float = 0.7
    found_again_alike: float = 0.8
    found_again_reach: float = 0.5
    confirm_hits: int = 3
    smallest_px: float = 48.0
    stirs: float = 0.1
    lively: float = 0.2
    moved: float = 0.3
    lost_after: timedelta = timedelta(seconds=1.5)
    longest: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """The detections of one frame."""

    now: datetime
    boxes: Boxes
    scores: Scores
    cues: Cues


class Tracker:
    """Numbers its tracks from `numbers`, which becomes the number of the sighting."""

    def __init__(self, rules: TrackerRules | None = None, numbers: Iterator[int] | None = None) -> None:
        self._rules = rules or TrackerRules()
        self._numbers = numbers or itertools.count(1)
        self._tracks: list[Track] = []

    @property
    def live(self) -> list[Track]:
        """Tracks seen often enough, and lively enough, to be a person."""
        return [track for track in self._tracks if self._is_person(track)]

    @property
    def all(self) -> list[Track]:
        return list(self._tracks)

    def advance(self, now: datetime, boxes: Boxes, scores: Scores, cues: Cues | None = None) -> list[Track]:
        """Take the detections of one frame, [n, 4] pixels and [n]; returns the tracks that ended before it."""
        rules = self._rules
        seen = _Seen(now, boxes, scores, cues or Cues.none(len(boxes)))
        tall = boxes[:, 3] - boxes[:, 1] >= rules.smallest_px
        sure = np.flatnonzero(tall & (scores >= rules.sure))
        stirs = seen.cues.stirs >= rules.stirs
        doubtful = np.flatnonzero(tall & stirs & (scores >= rules.doubtful) & (scores < rules.sure))
        unseen, fresh = self._continue(self._tracks, seen, sure, rules.overlap, 0.0)
        unseen, _ = self._continue(unseen, seen, doubtful, rules.doubtful_overlap, rules.doubtful_alike)
        unseen, fresh = self._find_again(unseen, seen, fresh)
        for track in unseen:
            track.miss(now)
        ended = self._retire(now)
        self._tracks += [self._begin(seen, row) for row in fresh]
        return ended

    def finish(self) -> list[Track]:
        """The camera has ended: so has every track."""
        ended, self._tracks = self.live, []
        return ended

    def _begin(self, seen: _Seen, row: int) -> Track:
        stirs = bool(seen.cues.stirs[row] >= self._rules.stirs)
        return Track.begin(next(self._numbers), seen.now, seen.boxes[row], seen.cues.looks[row], stirs)

    def _continue(
        self, tracks: Sequence[Track], seen: _Seen, rows: Rows, overlap: float, alike: float
    ) -> tuple[list[Track], Rows]:
        """Tracks that go on where they were heading; returns those not seen, and the rows left over."""
        likeness = _likeness(tracks, seen, rows)
        worth = overlap_worth(_predicted(tracks, seen.now), seen.boxes[rows], overlap)
        worth = np.where((worth > 0) & (likeness >= alike), worth + self._rules.alike_counts * likeness, 0.0)
        return self._take(tracks, seen, rows, worth)

    def _find_again(self, tracks: Sequence[Track], seen: _Seen, rows: Rows) -> tuple[list[Track], Rows]:
        """People who were hidden for a while and come out nearby in the same clothes."""
        rules = self._rules
        away = np.array([(seen.now - track.end).total_seconds() for track in tracks])
        reach = rules.found_again_reach * (1 + 0.5 * away)
        likeness = _likeness(tracks, seen, rows)
        near = near_worth(_predicted(tracks, seen.now), seen.boxes[rows], reach)
        known = np.array([track.hits >= rules.confirm_hits for track in tracks], bool)[:, None]
        allowed = known & (near > 0) & (likeness >= rules.found_again_alike)
        return self._take(tracks, seen, rows, np.where(allowed, near + likeness, 0.0))

    def _take(self, tracks: Sequence[Track], seen: _Seen, rows: Rows, worth: Worth) -> tuple[list[Track], Rows]:
        pairs = assign(worth)
        for t, r in pairs:
            row = rows[r]
            stirs = bool(seen.cues.stirs[row] >= self._rules.stirs)
            tracks[t].see(seen.now, seen.boxes[row], seen.cues.looks[row], stirs)
        found, used = {t for t, _ in pairs}, [r for _, r in pairs]
        return [track for t, track in enumerate(tracks) if t not in found], np.delete(rows, used)

    def _retire(self, now: datetime) -> list[Track]:
        lost = [track for track in self._tracks if now - track.end > self._rules.lost_after]
        left = [track for track in self._tracks if track not in lost]
        long = [track for track in left if now - track.start >= self._rules.longest]
        self._tracks = [track for track in left if track not in long]
        self._tracks += [track.go_on(next(self._numbers)) for track in long if self._is_person(track)]
        return [track for track in lost + long if self._is_person(track)]

    def _is_person(self, track: Track) -> bool:
        rules = self._rules
        lively = track.known or track.stirred >= rules.lively * track.hits or track.extent >= rules.moved
        return track.hits >= rules.confirm_hits and lively


def _predicted(tracks: Sequence[Track], now: datetime) -> Boxes:
    return np.array([track.predict(now) for track in tracks], np.float64).reshape(-1, 4)


def _likeness(tracks: Sequence[Track], seen: _Seen, rows: Rows) -> Worth:
    """Cosine of the looks, [tracks, rows]."""
    if not tracks or not len(rows):
        return np.zeros((len(tracks), len(rows)))
    return np.asarray(np.stack([track.look for track in tracks]) @ seen.cues.looks[rows].T, np.float64)
