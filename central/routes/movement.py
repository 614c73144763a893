"""Where and when somebody is seen next: walking on past the next cameras, staying where they are, or after an absence.

Most steps of a day are short: people pass one camera after the other at their pace, or sit before one. And who was in a
house for hours comes out near where they went in: people pause between their ways, and where they are does not change
while they do (Rhee et al. 2011, "On the Levy-walk nature of human mobility"). A density that knows this tells the
patient's next sighting from the hundreds that are merely possible.
"""

from __future__ import annotations

import math

import numpy as np

from central.routes.camera_graph import CLOCK_SLACK_S, CameraGraph, Floats, Indices
from central.routes.observations import Observations
from central.routes.travel import log_silence, log_transition

# As of 2026-11, invented in round numbers: half of the time somebody walks on past another camera, now and then their
# track breaks where they are, or they come out again near there, and otherwise they are away until seen anywhere
# (travel.py).
WALKS_ON, STAYS_ON, COMES_OUT = 0.5, 0.1, 0.1
# 1.34 m/s with 0.26 m/s standard deviation (Weidmann 1993), on short ways that are straighter than long ones.
PACE_M_S, PACE_SD, SHORT_DETOUR = 1.34, 0.3, 1.15
COMES_OR_GOES_S = 10.0  # a view is crossed in twice this; who stays longer dwells before the camera
TIME_SD_S = 3.0  # clocks, and when a track begins and ends
# Intervening opportunities (Stouffer 1940): a camera is the next to see somebody by its rank, not by its distance;
# after so many nearer ones the chance has fallen to 1/e. Some walk where hardly any camera looks, or past backs of
# cameras that see no face, and go far.
NEXT_RANK, FAR_RANK, GOES_FAR = 10.0, 60.0, 0.3
# A track that breaks is found again within half a minute, mostly, and within a metre; else anywhere in the view.
BREAK_SCALE_S, BREAK_SHAPE, SAME_SPOT, SPOT_SD_M, VIEW_AREA_M2 = 30.0, 0.5, 0.8, 1.0, 100.0


def log_next(graph: CameraGraph, seen: Observations, first: int, last: int) -> Floats:
    """ln density [last - first, last], per second and camera, of being seen next as each of the observations from
    `first` up to `last` is, after each that is earlier in their order; -inf where impossible. What stands there for
    those that are not earlier means nothing.

    Many at once: numpy takes longer to begin a step than to do it for one.
    """
    origin, target = seen.camera[:last], seen.camera[first:last, None]
    gap = seen.start[first:last, None] - seen.end[:last]
    walked = _walked(graph, origin, target)
    away = log_transition(graph, origin, target, gap, walked)
    metres = np.hypot(*(axis[first:last, None] - axis[:last] for axis in seen.spot.T))
    unsure = np.hypot(seen.spot_sd_m[first:last, None], seen.spot_sd_m[:last])
    here, gone = _there(seen.start[:last], seen.end[:last])
    seconds = here[first:, None] - gone
    rank = graph.in_reach(origin, np.maximum(metres, 1.0))
    walk = _log_walk(_way(graph, seen, (origin, target), (metres, unsure), walked), seconds, rank)
    stay = _log_stay(metres, unsure, np.maximum(gap, 0))
    near = np.where(origin != target, math.log(WALKS_ON) + walk, math.log(STAYS_ON) + stay)
    comes_out = math.log(COMES_OUT) + log_silence(gap) + _log_rank(rank, NEXT_RANK)
    far = math.log1p(-WALKS_ON - STAYS_ON - COMES_OUT) + away
    density = np.logaddexp(np.logaddexp(near, comes_out), far)
    # Who is still in one view after leaving another was not on the way from the first to the second.
    lingers = seen.end[:last] > seen.end[first:last, None] + CLOCK_SLACK_S
    return np.where(lingers | np.isneginf(away), -np.inf, density)


def _walked(graph: CameraGraph, origin: Indices, target: Indices) -> Floats | None:
    """Metres on foot, which a network is quick to tell to one camera from many."""
    rows = [graph.walk_m(origin, one) for one in target[:, 0]]
    known = [row for row in rows if row is not None]
    return np.stack(known) if known else None


def _there(start: Floats, end: Floats) -> tuple[Floats, Floats]:
    """From when to when somebody is at the spot where they were in the middle: who passes, for a moment, and who
    dwells, all the time but for coming and going."""
    inside = np.minimum((end - start) / 2, COMES_OR_GOES_S)
    return start + inside, end - inside


def _way(
    graph: CameraGraph,
    seen: Observations,
    cameras: tuple[Indices, Indices],
    apart: tuple[Floats, Floats],
    walked: Floats | None,
) -> tuple[Floats, Floats]:
    """Metres on foot from spot to spot, and how unsure they are; `apart` says the same of the straight line.

    By the walking network it is the way between the cameras. How far their spots are off them then counts as far as
    that way is straight; around corners nobody knows whether it is a step ahead or aside, and it makes the way unsure.
    """
    metres, unsure = apart
    guessed = metres * SHORT_DETOUR
    if walked is None:
        return guessed, unsure
    origin, target = cameras
    off_m = np.hypot(*(seen.spot - graph.flat_m[seen.camera]).T)[: len(origin)]
    straight = graph.straight_m(origin, target)
    along = straight / np.maximum(walked, 1.0)
    around = np.hypot(unsure, (1 - along) * np.hypot(off_m, off_m[-len(target) :, None]))
    way = np.maximum(walked + along * (metres - straight), metres)
    known = ~np.isnan(walked)
    return np.where(known, way, guessed), np.where(known, around, unsure)


def _log_walk(way: tuple[Floats, Floats], seconds: Floats, rank: Floats) -> Floats:
    metres, unsure = way
    needed = metres / PACE_M_S
    sd = np.sqrt((PACE_SD * needed) ** 2 + (unsure / PACE_M_S) ** 2 + TIME_SD_S**2)
    when = -0.5 * ((seconds - needed) / sd) ** 2 - np.log(sd * math.sqrt(2 * math.pi))
    soon, late = _log_rank(rank, NEXT_RANK), _log_rank(rank, FAR_RANK)
    return np.asarray(when + np.logaddexp(math.log1p(-GOES_FAR) + soon, math.log(GOES_FAR) + late), np.float64)


def _log_rank(rank: Floats, scale: float) -> Floats:
    """ln P(the next camera is the rank-th nearest)."""
    return np.asarray(-rank / scale - math.log(scale), np.float64)


def _log_stay(metres: Floats, unsure: Floats, seconds: Floats) -> Floats:
    """Where positions are unknown, the same spot is no nearer than anywhere in the view."""
    rate = math.log(BREAK_SHAPE / BREAK_SCALE_S) - (BREAK_SHAPE + 1) * np.log1p(seconds / BREAK_SCALE_S)
    spread = SPOT_SD_M**2 + unsure**2
    spot = math.log(SAME_SPOT * VIEW_AREA_M2 / (2 * math.pi)) - np.log(spread) - 0.5 * metres**2 / spread
    return np.asarray(rate + np.logaddexp(spot, math.log1p(-SAME_SPOT)), np.float64)
