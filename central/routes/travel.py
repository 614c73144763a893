"""How plausible it is to be seen at one camera so long after another: the transition of the hidden-Markov model."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from central.routes.camera_graph import CLOCK_SLACK_S, DETOUR, MODES, VIEW_M, CameraGraph, Floats, Indices, Mode

# Time without a sighting has a long tail: next door within seconds, or hours in a building (bursts and long rests are
# found in human activity, Barabási 2005, "The origin of bursts and heavy tails in human dynamics"). A Lomax law with
# half of the silences under SCALE·(2^(1/SHAPE) - 1) = 15 min and one in ten over SCALE·(10^(1/SHAPE) - 1) = 8 h.
SILENCE_SCALE_S = 300.0
SILENCE_SHAPE = 0.5


def log_silence(seconds: Floats) -> Floats:
    """ln of the density per second of being seen again after so many seconds (Lomax 1954)."""
    rate = np.log(SILENCE_SHAPE / SILENCE_SCALE_S)
    return np.asarray(rate - (SILENCE_SHAPE + 1) * np.log1p(np.maximum(seconds, 0) / SILENCE_SCALE_S), np.float64)


def log_still_unseen(seconds: Floats) -> Floats:
    """ln of the probability of not being seen again within so many seconds."""
    return np.asarray(-SILENCE_SHAPE * np.log1p(np.maximum(seconds, 0) / SILENCE_SCALE_S), np.float64)


def possible(straight_m: Floats, seconds: Floats, other_camera: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Whether anybody could have come so far in the time, along a straight street at the greatest speed of any mode.

    `seconds` are negative where the second sighting began before the first ended: only two cameras within sight of
    each other see one person at once.
    """
    between = _between_views_m(straight_m)
    fastest = max(mode.greatest_m_s for mode in MODES)
    return np.asarray((between <= fastest * (seconds + CLOCK_SLACK_S)) | ((between == 0) & other_camera), np.bool_)


def log_transition(
    graph: CameraGraph, origin: Indices, target: Indices, seconds: Floats, walked: Floats | None = None
) -> Floats:
    """ln density, per second and camera, of being seen next at `target` so long after leaving `origin`'s view.

    -inf where impossible. In each mode every camera within reach is equally likely: shortly after a sighting these are
    the neighbours, hours later it is the whole city. Where a walking network knows the way on foot, walkers take it;
    who rides takes any way that there may be. `walked` is graph.walk_m for those who have it. Broadcasts.
    """
    straight = graph.straight_m(origin, target)
    walked = graph.walk_m(origin, target) if walked is None else walked
    by_street = DETOUR * _between_views_m(straight)
    on_foot = by_street
    if walked is not None:
        on_foot = np.where(np.isnan(walked), by_street, _between_views_m(walked))
    ways = (on_foot if mode is MODES[0] else by_street for mode in MODES)
    density = sum(
        (_mode_density(mode, graph, origin, way, seconds) for mode, way in zip(MODES, ways, strict=True)), np.zeros(())
    )
    allowed = possible(straight, seconds, np.not_equal(origin, target))
    with np.errstate(divide="ignore"):
        return np.asarray(np.where(allowed, np.log(density), -np.inf) + log_silence(seconds), np.float64)


def _mode_density(mode: Mode, graph: CameraGraph, origin: Indices, way_m: Floats, seconds: Floats) -> Floats:
    """`way_m` are between the edges of the two views."""
    moving = np.maximum(seconds - mode.wait_s, 0) + CLOCK_SLACK_S
    usual = mode.usual_m_s * moving / DETOUR + 2 * VIEW_M
    speed = way_m / moving
    # Up to the usual speed all is well; from there plausibility falls with the third power to the greatest speed.
    beyond = np.clip((mode.greatest_m_s - speed) / (mode.greatest_m_s - mode.usual_m_s), 0, 1) ** 3
    return np.asarray(mode.share * beyond / (_spill(mode) * graph.in_reach(origin, usual)), np.float64)


def _spill(mode: Mode) -> float:
    """The weight of all cameras in terms of those within the usual reach, where cameras lie evenly: the integral of
    2r·plausibility(r) over distances r in units of that reach."""
    more = mode.greatest_m_s / mode.usual_m_s - 1
    return 1 + 2 * more * (1 / 4 + more / 20)


def _between_views_m(straight_m: Floats) -> Floats:
    return np.maximum(straight_m - 2 * VIEW_M, 0)
