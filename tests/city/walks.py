"""Legs along streets: from where to where, and at what second each street of the way is entered."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.city.plan import CityPlan
from tests.city.streets import Bools, Floats, Ints, Streets, ways_to

_NONE = -9999  # scipy's mark for "no predecessor"


@dataclass(frozen=True, slots=True, eq=False)
class Ways:
    """Ways to each root: `next` [roots, crossings], and the row of each crossing that is a root (else -1)."""

    next: npt.NDArray[Any]
    row: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Legs:
    """A party goes between a root (by row) and another crossing, to the root or `homeward` from it."""

    party: Ints
    root: Ints
    other: Ints
    homeward: Bools
    depart: Floats
    speed: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Streets walked, by leg and in order: `forward` from u to v; entered at `enter` seconds at `speed` m/s on foot.
    What is ridden is not listed: nobody sees it."""

    leg: Ints
    street: Ints
    forward: Bools
    enter: Floats
    speed: Floats


def make_ways(plan: CityPlan, streets: Streets, roots: Ints, file: Path | None = None) -> Ways:
    """Ways to every crossing in `roots`, in memory or on disk."""
    distinct = np.unique(roots)
    row = np.full(len(streets.xy), -1)
    row[distinct] = np.arange(len(distinct))
    shape = len(distinct), len(streets.xy)
    into = np.lib.format.open_memmap(file, "w+", np.int16, shape) if file else None
    return Ways(ways_to(streets, distinct, plan.random("ways"), into), row)


def walk(plan: CityPlan, streets: Streets, ways: Ways, legs: Legs) -> tuple[Steps, Floats]:
    """The steps of all legs, and when each leg arrives. Long ways are ridden but for their two ends."""
    leg, order, a, b = _climb(ways, legs)
    homeward = legs.homeward[leg]
    a, b = np.where(homeward, b, a), np.where(homeward, a, b)
    sequence = np.lexsort((np.where(homeward, -order, order), leg))
    leg, a, b = leg[sequence], a[sequence], b[sequence]
    street = streets.between(a, b)
    length = streets.length[street]
    done, whole = _running(length, leg, len(legs.party))
    rides = (whole > plan.ride_above_m)[leg] & (done >= plan.walk_to_ride_m)
    rides &= done + length <= whole[leg] - plan.walk_to_ride_m
    speed = np.where(rides, plan.ride_speed, legs.speed[leg])
    before, total = _running(length / speed, leg, len(legs.party))
    seen = ~rides
    enter = legs.depart[leg] + before
    steps = Steps(leg[seen], street[seen], (streets.u[street] == a)[seen], enter[seen], speed[seen])
    return steps, legs.depart + total


def _climb(ways: Ways, legs: Legs) -> tuple[Ints, Ints, Ints, Ints]:
    """All legs in lockstep towards their roots: (leg, order, from, to) of each step."""
    going, at = np.arange(len(legs.party)), legs.other
    found = []
    for order in range(ways.next.shape[1] + 1):
        following = ways.next[legs.root[going], at]
        kept = following != _NONE
        going, at, following = going[kept], at[kept], following[kept].astype(np.int64)
        if not len(going):
            break
        found.append((going, np.full(len(going), order), at, following))
        at = following
    if not found:
        empty = np.zeros(0, np.int64)
        return empty, empty, empty, empty
    leg, order_of, a, b = (np.concatenate(part) for part in zip(*found, strict=True))
    return leg, order_of, a, b


def _running(amount: Floats, leg: Ints, legs: int) -> tuple[Floats, Floats]:
    """The sum of a leg's amounts before each step, and each leg's whole sum; steps are in order of legs."""
    whole = np.bincount(leg, amount, minlength=legs)
    running = np.cumsum(amount)
    earlier = np.cumsum(whole) - whole
    return np.asarray(running - amount - earlier[leg], np.float64), np.asarray(whole, np.float64)
