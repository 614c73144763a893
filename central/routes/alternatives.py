"""The other ways in which everything may have been: whole explanations, each with how likely it is.

Single doubts do not tell which visits stand and fall together: a look-alike's morning is the patient's as a whole or
not at all. So the most probable paths are not the best few of a list, which differ in one doubtful sighting each, but
what remains of the posterior once one visit is otherwise than the route says (the posterior of a hypothesis and of its
rivals, as multiple hypothesis tracking keeps them; Reid 1979), read off paths drawn from it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from central.routes.explanations import drawn_paths
from central.routes.reconstruct import ACCEPT, Weighed, most_right
from central.search.candidates import Candidate

_PATHS = 1000
# What so few of the paths say is not worth a tracer's time.
_LEAST = 0.02

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Differing:
    """A sighting that an alternative leaves out or puts in; `confidence` is the posterior that it is the patient."""

    candidate: Candidate
    confidence: float

    @property
    def start(self) -> datetime:
        return self.candidate.start

    @property
    def end(self) -> datetime:
        return self.candidate.end


@dataclass(frozen=True, slots=True)
class Alternative:
    """With `probability` 0..1 the route's visits `without` are not the patient, who was seen `instead`; both in order
    of time, and at least one of them is not empty."""

    probability: float
    without: tuple[Differing, ...]
    instead: tuple[Differing, ...]


def alternatives(found: Weighed, count: int = 2, seed: int = 0) -> tuple[Alternative, ...]:
    """The `count` most probable explanations that differ from the route, the likeliest first; fewer, or none, where
    the rest is unlikely. No two differ from the route in the same visit."""
    if not len(found.seen) or count < 1:
        return ()
    route = np.zeros(len(found.seen), np.bool_)
    route[most_right(found.confidence, found.ways)] = True
    paths = drawn_paths(found.chain, _PATHS, np.random.default_rng(seed))
    best = sorted(_rivals(paths, route), key=lambda rival: (-rival[0], *np.flatnonzero(rival[1]).tolist()))
    chosen, told = list[Alternative](), np.zeros(len(route), np.bool_)
    for share, other in best:
        if len(chosen) < count and not (other & told).any():
            told |= other
            chosen.append(Alternative(share, _sightings(found, other & route), _sightings(found, other & ~route)))
    return tuple(chosen)


def _rivals(paths: Bools, route: Bools) -> Iterator[tuple[float, Bools]]:
    """For each visit that may be otherwise: what else is otherwise then [n], and in which share of all paths most of
    that is so."""
    otherwise = paths != route
    for k in np.flatnonzero(otherwise.mean(axis=0) >= _LEAST):
        together = otherwise[otherwise[:, k]].mean(axis=0) > ACCEPT
        together[k] = True
        share = float((otherwise[:, together].mean(axis=1) > ACCEPT).mean())
        if share >= _LEAST:
            yield share, together


def _sightings(found: Weighed, which: Bools) -> tuple[Differing, ...]:
    return tuple(Differing(found.seen.parts[k][0], float(found.confidence[k])) for k in np.flatnonzero(which).tolist())
