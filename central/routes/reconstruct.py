"""Candidates become a route: which of them are the patient, and what lies between.

A hidden-Markov model over time with the candidates as observations. The patient's way is a path through some of them;
what is not on it is a stranger who looks alike. Each step is weighed against the two ways in which a stranger can be
mistaken for the patient: somebody new, of whom there are more the more was searched, or the stranger of the step
before, who has a consistent day of his own. So being seen in a plausible order is no evidence in itself: it only ties
sightings together whose faces and clothes must then speak for themselves. The path may be empty.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

import numpy as np
import numpy.typing as npt

from central.contacts.pseudonyms import pseudonym, whom
from central.routes.between import gaps, legs, stays
from central.routes.camera_graph import CLOCK_SLACK_S, CameraGraph, CameraPlace, Floats
from central.routes.hmm import posterior, viterbi
from central.routes.likelihood import Calibration
from central.routes.observations import Evidence, Observations, observe, weigh
from central.routes.route import Meeting, Route, Visit
from central.routes.route_json import route_from_map, route_to_map
from central.routes.template_shift import template_shifts
from central.routes.travel import log_still_unseen, log_transition
from central.search.candidates import Candidate
from shared.errors import BadInput
from shared.sightings import parse_sighting_id, sighting_id

__all__ = ["Route", "reconstruct", "route_from_map", "route_to_map"]

Steps = list[npt.NDArray[np.float32]]

# Before any evidence: as likely as not, the patient was seen by some camera in the cells and hours searched.
SEEN_AT_ALL = 0.5
# A visit is reported from this posterior on. Above 1/2 any two of them are on one possible path together.
ACCEPT = 0.5
# How often strangers' nearness to this patient is estimated anew from what was found; more changes little.
ROUNDS = 2


def reconstruct(
    candidates: Iterable[Candidate],
    graph: CameraGraph,
    window: tuple[datetime, datetime],
    calibration: Calibration,
    *,
    searched: int | None = None,
    pseudonym_key: bytes | None = None,
) -> Route:
    """The patient's route within `window`.

    `searched` is how many sightings were compared (estimated from the candidates when unknown); `pseudonym_key` are the
    case's random bytes, drawn afresh when not given. Raises CalibrationMissing, and BadInput for an empty window.
    """
    if window[0] >= window[1]:
        raise BadInput("the window is empty", hint="let it end after it begins")
    seen = observe(candidates, graph, window, calibration)
    confidence, chosen = decode(seen, graph, (window[1] - window[0]).total_seconds(), calibration, searched)
    key = pseudonym_key or secrets.token_bytes(32)
    own = frozenset(seen.parts[j][0].sighting for j in chosen)
    visits = tuple(_visit(seen.parts[j][0], float(confidence[j]), graph.places, key, own) for j in chosen)
    found = stays(visits, graph)
    return Route(window, visits, found, legs(visits, found, graph), gaps(visits, found, graph, window), seen.unplaced)


def decode(
    seen: Observations, graph: CameraGraph, length_s: float, calibration: Calibration, searched: int | None = None
) -> tuple[Floats, list[int]]:
    """Posterior of each observation [n], and those on the path with the greatest expected number of right visits."""
    evidence, ways = weigh(seen.parts, calibration), movements(seen, graph)
    compared = float(max(evidence.stands_for.sum() if searched is None else searched, len(seen), 1))
    log_crowd = math.log(compared / (len(graph) * length_s))
    final = log_still_unseen(length_s - seen.end)
    confidence = np.zeros(len(seen))
    for round_ in range(1 if searched is None else 1 + ROUNDS):
        if round_:
            evidence = weigh(seen.parts, calibration, template_shifts(seen, confidence, compared, calibration))
        initial = evidence.log_ratio + math.log(SEEN_AT_ALL / compared)
        steps = transitions(ways, evidence, log_crowd, calibration)
        confidence = posterior(initial, steps, final, math.log1p(-SEEN_AT_ALL))
    return confidence, most_right(confidence, ways)


def most_right(confidence: Floats, ways: Steps) -> list[int]:
    """The possible path with the greatest expected number of right visits (maximum expected accuracy, Holmes and Durbin
    1998): the best path through posteriors, not through weights."""
    gain = (confidence - ACCEPT).astype(np.float32)
    steps = [np.where(np.isfinite(way), gain[j], np.float32(-np.inf)) for j, way in enumerate(ways)]
    path = viterbi(gain, steps, np.zeros(len(gain)), 0.0)
    return [j for j in path if gain[j] >= 0]


def movements(seen: Observations, graph: CameraGraph) -> Steps:
    """`ways[j]` [j]: ln density of being seen next where and when j was, after each earlier observation."""
    ways: Steps = []
    for j in range(len(seen)):
        moved = log_transition(graph, seen.camera[:j], seen.camera[j], seen.start[j] - seen.end[:j])
        # Who is still in one view after leaving another was not on the way from the first to the second.
        moved[seen.end[:j] > seen.end[j] + CLOCK_SLACK_S] = -np.inf
        ways.append(moved.astype(np.float32))
    return ways


def transitions(ways: Steps, evidence: Evidence, log_crowd: float, calibration: Calibration) -> Steps:
    """`steps[j]` [j]: ln weight of going on from each earlier observation to j, its emission included.

    With h the density of the next sighting there and then, λ that of strangers' sightings (`log_crowd`), s and o the
    densities of j's distance given i's for the patient and for a stranger: h·s / (λ·o + h·o(given i)).
    """
    same_r, other_r = calibration.correlations()
    steps: Steps = []
    for j, way in enumerate(ways):
        moved = way - log_crowd
        same = log_link(evidence.same_score[:, :j], evidence.same_score[:, j], same_r)
        other = log_link(evidence.other_score[:, :j], evidence.other_score[:, j], other_r)
        weight = moved + evidence.log_ratio[j] + same - np.logaddexp(0.0, moved + other)
        steps.append(weight.astype(np.float32))
    return steps


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


def _visit(
    candidate: Candidate, confidence: float, places: Mapping[str, CameraPlace], key: bytes, own: frozenset[str]
) -> Visit:
    """`own` are the patient's sightings: one person followed as two is nobody's contact."""
    node, boot, _ = parse_sighting_id(candidate.sighting)
    met = tuple(
        Meeting(
            pseudonym(key, whom(candidate, p)), p.start, p.end, p.min_distance_m, p.distance_error_m, p.mask, p.near_s
        )
        for p in sorted(candidate.partners, key=lambda p: (p.start, p.end, p.number))
        if sighting_id(node, boot, p.number) not in own
    )
    return Visit(replace(candidate, partners=()), confidence, places[candidate.camera], met)
