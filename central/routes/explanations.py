"""Who a sighting may have been: the patient, a stranger seen for the first time, or the stranger of an earlier one.

The enemy of a route is the persistent look-alike, who has a whole consistent day of his own. So a sighting that follows
plausibly on an earlier one is explained by the stranger of that one as well as by the patient, and the patient's path
pays for it three times: a sighting that continues a stranger's way is weighed against that way; a path may not take one
sighting of a consistent chain and leave the others without paying for leaving them; and how well cameras recognise
this patient is one level for the whole path, so that ten sightings that all look a little alike are not ten times a
little evidence. This is multi-target tracking with one target of interest (Reid 1979, "An algorithm for tracking
multiple targets"), where each stranger's track is summed out step by step.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.polynomial.hermite_e import hermegauss

from central.routes.camera_graph import Floats
from central.routes.hmm import Chain, forward, log_evidence, posterior, sample
from central.routes.observations import Evidence
from shared.epochs import Modality

Steps = Sequence[npt.NDArray[np.float32]]

# Before any evidence: a scope is laid where the patient was, and there hardly anybody passes no camera in a day (of the
# people of simulated cities 99 in 100 are seen, 98 with a face), but patients err about where they were.
SEEN_AT_ALL = 0.95
# A tracer's word outweighs every distance; a rejected sighting is nowhere on the path.
CERTAIN = 60.0
# Gauss and Hermite's nodes for standard normals: how well cameras recognise this patient's face, and their clothes.
_NODES = {Modality.FACE: 5, Modality.APPEARANCE: 3}
_LEVELS = np.array([axis.ravel() for axis in np.meshgrid(*(hermegauss(_NODES[m])[0] for m in Modality))])
_WEIGHTS = np.prod([axis.ravel() for axis in np.meshgrid(*(hermegauss(_NODES[m])[1] for m in Modality))], axis=0)
_LOG_WEIGHTS = np.log(_WEIGHTS / _WEIGHTS.sum())


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What holds for all observations of one search: how many sightings were `compared`, ln of the density of
    strangers' sightings per second and camera, and ln of the chance of staying unseen after each [n]."""

    compared: float
    log_crowd: float
    log_unseen: Floats


def explain(ways: Steps, evidence: Evidence, setting: Setting, told: Floats) -> Chain:
    """The patient's path as a chain; `told` [n] is CERTAIN for confirmed sightings, -CERTAIN for rejected ones.

    With h the density of being seen next there and then, λ of strangers' sightings, o of j's distance for a stranger
    and o(given i) for the stranger of i, strangers explain j with q = λ·o + Σᵢ h·o(given i). A step to j then weighs
    h·s/q, and one that passes j over pays 1 - h·o(given i)/q: whoever takes i from a stranger takes j's best reason.
    """
    passed = np.zeros(len(ways))  # ln of what a path pays, so far, for what it left out since each observation
    first, steps = np.zeros(len(ways)), list[npt.NDArray[np.float32]]()
    for j, way in enumerate(ways):
        moved = way - setting.log_crowd
        linked = log_link(evidence.other_score[:, :j], evidence.other_score[:, j], evidence.other_correlation[:, j])
        continues = np.exp(np.minimum(moved + linked, CERTAIN))
        strangers = 1.0 + float(continues.sum())
        steps.append((moved - math.log(strangers) + passed[:j]).astype(np.float32))
        first[j] = -math.log(strangers)
        passed[:j] += np.log1p(-np.minimum(continues / strangers, 1 - 1e-9))
    initial = first + math.log(SEEN_AT_ALL / setting.compared)
    emission = evidence.log_ratio + told + recognised(evidence.same_score, evidence.same_correlation)
    return Chain(initial, steps, emission, setting.log_unseen + passed, math.log1p(-SEEN_AT_ALL))


def recognised(scores: Floats, correlation: Floats) -> Floats:
    """ln of the factor on the density of the patient's scores [m, n] at each pair of levels of how well cameras
    recognise them [levels, n], with the `correlation` [m, n] of two of them: scores share a part, and are independent
    once it is known. nan says nothing, and beyond three standard deviations a score says no more about levels."""
    total = np.zeros((_LEVELS.shape[1], scores.shape[1]))
    for score, r, level in zip(scores.clip(-3, 3), correlation, _LEVELS, strict=True):
        at = (score - np.sqrt(r) * level[:, None]) ** 2 / (1 - r)
        total += np.nan_to_num(-0.5 * (at - score**2 + np.log1p(-r)), nan=0.0)
    return total


def on_the_path(chain: Chain) -> Floats:
    """P(each observation is the patient) [n], over all levels."""
    by_level, evidence = posterior(chain)
    return np.asarray(_level_weights(evidence) @ by_level, np.float64)


def drawn_paths(chain: Chain, count: int, random: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Paths drawn from their posterior, as which observations are on each [count, n]."""
    alpha = forward(chain)
    levels = random.choice(_LEVELS.shape[1], count, p=_level_weights(log_evidence(chain, alpha)))
    found = np.zeros((count, len(chain.initial)), np.bool_)
    for row, level in enumerate(levels):
        one = Chain(chain.initial, chain.steps, chain.emission[level], chain.final, chain.empty)
        found[row, sample(one, alpha[level], random)] = True
    return found


def log_link(earlier: Floats, later: Floats, correlation: Floats) -> Floats:
    """ln of the factor by which the density of later scores [m] changes once earlier ones [m, n] are known, summed over
    modalities m: the Gaussian copula with `correlation` [m]. A score of nan says nothing."""
    total = np.zeros(earlier.shape[1])
    for before, score, r in zip(earlier, later, correlation, strict=True):
        if not np.isnan(score):
            rest = 1 - r**2
            linked = -0.5 * ((score - r * before) ** 2 / rest - score**2 + math.log(rest))
            total += np.nan_to_num(linked, copy=False, nan=0.0)
    return total


def _level_weights(evidence: Floats) -> Floats:
    weights = np.exp(evidence + _LOG_WEIGHTS - (evidence + _LOG_WEIGHTS).max())
    return np.asarray(weights / weights.sum(), np.float64)
