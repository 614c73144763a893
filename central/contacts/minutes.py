"""Minutes that count: how long two people were within a rule's distance, at least, as measured, and at most.

A box counts the seconds within a few distances (REACHES_M), which gives points of F(x), the seconds within x metres.
With a standard error e of the distance, what lies within d metres is between F(d - e) and F(d + e).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from central.contacts.facts import Exposure
from central.contacts.presets import Preset
from shared.sightings import REACHES_M

Floats = npt.NDArray[np.float64]


class Bound(IntEnum):
    """The least that was certainly spent near, what was measured, and the most that may have been."""

    LEAST = -1
    MEASURED = 0
    MOST = 1


def share(one: Exposure, rule: Preset, bound: Bound = Bound.MEASURED) -> float:
    """The part of an exposure's time, 0..1, that counts by a rule.

    A mask that was not seen counts as none, but not for the least; a distance that was not measured counts for the
    most only, unless the rule says otherwise.
    """
    if rule.masks_protect and (one.both_masked or (bound is Bound.LEAST and one.mask_unknown)):
        return 0.0
    if one.min_distance_m is None:
        return 1.0 if rule.unmeasured_counts or bound is Bound.MOST else 0.0
    slack_m = bound * one.distance_error_m
    length = (one.end - one.start).total_seconds()
    if not rule.near(one.min_distance_m, slack_m) or length <= 0:
        return 0.0
    if one.near_s is None:
        # The box told the nearest distance only: we err on the side of telling somebody, and say that it may be less.
        return 0.0 if bound is Bound.LEAST else 1.0
    return min(_seconds_within(rule.distance_m + slack_m, one.min_distance_m, one.near_s, bound) / length, 1.0)


def _seconds_within(metres: float, nearest_m: float, near_s: Sequence[float], bound: Bound) -> float:
    """F at `metres`, a straight line between the distances that were counted.

    In the first stretch, from the nearest distance to the next counted one, nothing is known of where the time went:
    all of it at the nearest for the most, none of it before the end of the stretch for the least.
    """
    if metres in REACHES_M:
        return near_s[REACHES_M.index(metres)]
    knots = [(reach, spent) for reach, spent in zip(REACHES_M, near_s, strict=True) if reach > nearest_m]
    if not knots:
        return near_s[-1]  # further away than was counted
    first_m, first_s = knots[0]
    if metres < first_m and bound is not Bound.MEASURED:
        return first_s if bound is Bound.MOST else 0.0
    x, y = zip((nearest_m, 0.0), *knots, strict=True)
    return float(np.interp(metres, x, y))


@dataclass(frozen=True, slots=True, eq=False)
class Together:
    """Minutes near one person up to any moment: a curve through `moments` [n], Unix seconds, at `minutes` [n]."""

    moments: Floats
    minutes: Floats

    @classmethod
    def of(cls, facts: Sequence[Exposure], share_of: Callable[[Exposure], float]) -> Together:
        """Nearness is spread evenly over an exposure: a box tells how long, not when. Where two cameras saw the two at
        once, the one that saw more nearness holds, and nothing counts twice."""
        starts = np.array([one.start.timestamp() for one in facts])
        ends = np.array([one.end.timestamp() for one in facts])
        moments = np.unique(np.concatenate([starts, ends]))
        density = np.zeros(max(len(moments) - 1, 0))
        for one, start, end in zip(facts, starts, ends, strict=True):
            during = slice(*np.searchsorted(moments, [start, end]))
            density[during] = np.maximum(density[during], share_of(one))
        return cls(moments, np.concatenate([[0.0], np.cumsum(density * np.diff(moments)) / 60])[: len(moments)])

    def between(self, start: Floats, end: Floats) -> Floats:
        """Minutes within spans of time."""
        if not len(self.moments):
            return np.zeros(len(start))
        until, before = (np.interp(moment, self.moments, self.minutes) for moment in (end, start))
        return np.asarray(until - before)

    def busiest(self, span_s: float | None) -> tuple[float, float, float]:
        """(most minutes within any `span_s` seconds, and the span that has them: Unix seconds); the earliest such span.

        Minutes within a moving span grow or shrink until an end of it reaches an end of an exposure, so that only
        these places need to be tried.
        """
        if not len(self.moments):
            return 0.0, 0.0, 0.0
        if span_s is None:
            return float(self.minutes[-1]), float(self.moments[0]), float(self.moments[-1])
        starts = np.sort(np.concatenate([self.moments, self.moments - span_s]))
        minutes = self.between(starts, starts + span_s).round(9)
        best = int(minutes.argmax())
        return float(minutes[best]), float(starts[best]), float(starts[best]) + span_s


def overlaps(one: Exposure, start: float, end: float) -> bool:
    """Whether an exposure has time within a span, Unix seconds."""
    return _unix(one.start) < end and _unix(one.end) > start


def _unix(moment: datetime) -> float:
    return moment.timestamp()
