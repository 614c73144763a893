"""Where and when somebody is seen next: walking on past the next cameras, staying where they are, or after an absence.

Most steps of a day are short: people pass one camera after the other at their pace, or sit before one. And who was in a
house for hours comes out near where they went in: people pause between their ways, and where they are does not change
while they do (Rhee et al. 2011, "On the Levy-walk nature of human mobility"). A density that knows this tells the
patient's next sighting from the hundreds that are merely possible.
"""

from __future__ import annotations

import math

import numpy as np

from central.routes.camera_graph import CLOCK_SLACK_S, CameraGraph, Floats
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


def log_next(graph: CameraGraph, seen: Observations, j: int) -> Floats:
    """ln density [j], per second and camera, of being seen next as observation j is, after each earlier observation.

    -inf where impossible.
    """
    origin, target = seen.camera[:j], seen.camera[j]
    gap = seen.start[j] - seen.end[:j]
    walked = graph.walk_m(origin, target)
    away = log_transition(graph, origin, target, gap, walked)
    metres = np.linalg.norm(seen.spot[:j] - seen.spot[j], axis=1)
    unsure = np.hypot(seen.spot_sd_m[:j], seen.spot_sd_m[j])
    seconds = _there(seen.start[j], seen.end[j])[0] - _there(seen.start[:j], seen.end[:j])[1]
    elsewhere = origin != target
    rank = graph.in_reach(origin, np.maximum(metres, 1.0))
    walk = _log_walk(_way(graph, seen, j, (metres, unsure), walked), seconds, rank)
    stay = _log_stay(metres, unsure, np.maximum(gap, 0))
    near = np.where(elsewhere, math.log(WALKS_ON) + walk, math.log(STAYS_ON) + stay)
    comes_out = math.log(COMES_OUT) + log_silence(gap) + _log_rank(rank, NEXT_RANK)
    far = math.log1p(-WALKS_ON - STAYS_ON - COMES_OUT) + away
    density = np.logaddexp(np.logaddexp(near, comes_out), far)
    # Who is still in one view after leaving another was not on the way from the first to the second.
    lingers = seen.end[:j] > seen.end[j] + CLOCK_SLACK_S
    return np.where(lingers | np.isneginf(away), -np.inf, density)


def _there(start: Floats, end: Floats) -> tuple[Floats, Floats]:
    """From when to when somebody is at the spot where they were in the middle: who passes, for a moment, and who
    dwells, all the time but for coming and going."""
    inside = np.minimum((end - start) / 2, COMES_OR_GOES_S)
    return start + inside, end - inside


def _way(
    graph: CameraGraph, seen: Observations, j: int, apart: tuple[Floats, Floats], walked: Floats | None
) -> tuple[Floats, Floats]:
    """Metres on foot to the spot of j from that of each earlier observation, and how unsure they are; `apart` says the
    same of the straight line.

    By the walking network it is the way between the cameras. How far their spots are off them then counts as far as
    that way is straight; around corners nobody knows whether it is a step ahead or aside, and it makes the way unsure.
    """
    metres, unsure = apart
    guessed = metres * SHORT_DETOUR
    if walked is None:
        return guessed, unsure
    straight, aside = graph.straight_m(seen.camera[:j], seen.camera[j]), seen.spot - graph.flat_m[seen.camera]
    along = straight / np.maximum(walked, 1.0)
    off_m = np.linalg.norm(aside, axis=1)
    around = np.hypot(unsure, (1 - along) * np.hypot(off_m[:j], off_m[j]))
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
