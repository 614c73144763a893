"""Who lives in the city: parties that go about together, their homes, work, speed, and habit of wearing a mask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.city.plan import CityPlan
from tests.city.streets import Bools, Floats, Ints, Streets
from tests.city.venues import WORK, Venues, nearest_to

_DESK_GROUP = 6  # colleagues who sit together, and may lunch together
_PER_ROW, _ABREAST_M, _BEHIND_S = 2, 0.8, 1.0


@dataclass(frozen=True, slots=True, eq=False)
class People:
    """Persons are numbered so that a party's members are neighbours: `first[p]` … `first[p] + size[p] - 1`.

    By party: first, size, home (a crossing), work (a venue, or -1), desk (which group of colleagues, or -1) and the
    desk's first party, speed.
    By person: wears (the habit of a mask), party.
    """

    first: Ints
    size: Ints
    home: Ints
    work: Ints
    desk: Ints
    desk_first: Ints
    speed: Floats
    party: Ints
    wears: Bools

    def __len__(self) -> int:
        return len(self.wears)


def make_people(plan: CityPlan, streets: Streets, venues: Venues, offices: Ints | None = None) -> People:
    """Families and friends as parties; workers are parties too, of whom the members work at one place, and at one of
    `offices` where these are given."""
    random = plan.random("people")
    sizes = random.choice(np.arange(1, len(plan.party_sizes) + 1), plan.people, p=plan.party_sizes)
    parties = int(np.searchsorted(np.cumsum(sizes), plan.people)) + 1
    size = sizes[:parties]
    size[-1] -= size.sum() - plan.people
    home = random.integers(len(streets.xy), size=parties)
    works = random.random(parties) < plan.workers
    work = np.full(parties, -1)
    target = np.exp(random.normal(np.log(plan.between_stops_m), plan.between_stops_sd / 2, int(works.sum())))
    offices = np.flatnonzero(venues.kind == WORK) if offices is None else offices
    work[works] = nearest_to(target, streets.xy[home[works]], venues, offices, random)
    desk = _desks(work)
    return People(
        first=np.cumsum(size) - size,
        size=size,
        home=home,
        work=work,
        desk=desk,
        desk_first=_firsts(desk),
        speed=random.normal(plan.speed_mean, plan.speed_sd, parties).clip(0.6, 2.2),
        party=np.repeat(np.arange(parties), size),
        wears=(random.random(parties) < plan.mask_share).repeat(size) ^ (random.random(plan.people) < 0.05),
    )


def member_lag(member: Ints) -> Floats:
    """Seconds by which a party's n-th member walks behind its first: two walk abreast."""
    return np.asarray((member // _PER_ROW) * _BEHIND_S, np.float64)


def member_aside(member: Ints) -> Floats:
    """Metres by which a party's n-th member walks beside its first."""
    return np.asarray((member % _PER_ROW) * _ABREAST_M, np.float64)


def member_seat(member: Ints) -> Floats:
    """Where the n-th member sits from the first, metres [n, 2]: around a small table."""
    return np.array([[0.0, 0.0], [0.9, 0.0], [0.0, 0.9], [0.9, 0.9]])[member % 4]


def _desks(work: Ints) -> Ints:
    """Number the groups of colleagues, city-wide."""
    desk = np.full(len(work), -1)
    order = np.flatnonzero(work >= 0)
    order = order[np.argsort(work[order], kind="stable")]
    sorted_work = work[order]
    starts = np.flatnonzero(np.r_[True, sorted_work[1:] != sorted_work[:-1]])
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    group = np.stack([sorted_work, rank // _DESK_GROUP], axis=1)
    desk[order] = np.unique(group, axis=0, return_inverse=True)[1].ravel()
    return desk


def _firsts(desk: Ints) -> Ints:
    """The first party of each party's desk; of those without one, itself."""
    distinct, first, of = np.unique(desk, return_index=True, return_inverse=True)
    return np.where(desk >= 0, first[of.ravel()], np.arange(len(desk))) if len(distinct) else desk
