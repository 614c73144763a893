"""One day of every party: its stops and when it leaves them, and so the legs on the streets and the stays in rooms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tests.city.people import People
from tests.city.plan import HOUR, CityPlan
from tests.city.streets import Bools, Floats, Ints, Streets
from tests.city.transit import Transit, Waits, travel
from tests.city.venues import RESTAURANT, WORK, Venues, nearest_to
from tests.city.walks import Legs, Steps, Ways, walk

_DOOR_S = 15.0  # from the crossing to the room
_WORKDAY_S, _LUNCH_S = 8.5 * HOUR, 0.75 * HOUR


@dataclass(frozen=True, slots=True, eq=False)
class Stays:
    """A party in a venue's room from `start` to `end`, seconds; `seat` [n, 2] metres from the room's corner."""

    party: Ints
    venue: Ints
    start: Floats
    end: Floats
    seat: Floats


@dataclass(frozen=True, slots=True, eq=False)
class _Agenda:
    """Stops [parties, most] in order (-1: none), how long each takes, and when it is left at the latest (inf: open)."""

    venue: Ints
    dwell: Floats
    leave: Floats
    depart: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Day:
    """Every leg with its steps along streets, in rounds, and every stay."""

    rounds: tuple[tuple[Legs, Steps], ...]
    stays: Stays
    waits: tuple[Waits, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Town:
    """What does not change from day to day."""

    plan: CityPlan
    streets: Streets
    venues: Venues
    people: People
    ways: Ways
    transit: Transit | None = None


def live(town: Town, day: int) -> Day:
    """Walk every party through its agenda, stop by stop, and home; times are seconds since the plan's start."""
    agenda = _agenda(town, day)
    random = town.plan.random("seats", day)
    at, ready = np.full(len(town.people.size), -1), agenda.depart
    rounds, stays, waits = list[tuple[Legs, Steps]](), [], list[Waits]()
    for k in range(agenda.venue.shape[1]):
        target = agenda.venue[:, k]
        going = np.flatnonzero((target >= 0) | (at >= 0))
        if not len(going):
            break
        legs = _legs(town, going, at, target, ready)
        if town.transit is None:
            steps, arrival = walk(town.plan, town.streets, town.ways, legs)
            rounds.append((legs, steps))
        else:
            trip = travel(town.plan, town.streets, town.ways, town.transit, legs, random)
            rounds += trip.walked
            waits.append(trip.waits)
            stays.append(_on_platforms(town, random, trip.waits))
            arrival = trip.arrival
        stay = np.flatnonzero(target[going] >= 0)
        ready = ready.copy()
        ready[going[stay]] = _left(agenda, going[stay], k, arrival[stay])
        stays.append(_stays(town, random, going[stay], target, arrival[stay], ready))
        at = target
    return Day(tuple(rounds), _joined(stays), tuple(waits))


def _agenda(town: Town, day: int) -> _Agenda:
    """Workers go to work first and some lunch together; all run errands; the number of stops follows the plan."""
    plan, people, venues, random = town.plan, town.people, town.venues, town.plan.random("agenda", day)
    parties, most = len(people.size), len(plan.stops_a_day) + 3  # two for lunch; after the last everybody is at home
    shares = np.array(plan.stops_a_day)
    stops = random.choice(len(shares), parties, p=shares / shares.sum()) + 1
    works = people.work >= 0
    lunches = works & (random.random(parties) < plan.lunch_together)
    before = np.where(works, 1, 0) + np.where(lunches, 2, 0)
    total = np.maximum(before, stops + np.where(lunches, 2, 0))
    errand = (np.arange(most) >= before[:, None]) & (np.arange(most) < total[:, None])
    venue = _errands(town, errand, random)
    venue[works, 0] = people.work[works]
    dwell = 60 * venues.minutes[venue] * np.exp(random.normal(0, 0.5, venue.shape))
    leave = np.full(venue.shape, np.inf)
    midnight = day * 24 * HOUR - 6 * HOUR  # a day begins at 06:00
    depart = midnight + HOUR * np.where(works, random.normal(8.0, 0.8, parties), random.uniform(7, 16, parties))
    dwell[works, 0] = _WORKDAY_S * np.exp(random.normal(0, 0.08, int(works.sum())))
    _lunch(town, np.flatnonzero(lunches), (venue, dwell, leave), midnight, random)
    return _Agenda(venue, dwell, leave, np.maximum(depart, day * 24 * HOUR))


def _errands(town: Town, errand: Bools, random: np.random.Generator) -> Ints:
    plan, venues, people = town.plan, town.venues, town.people
    venue = np.full(errand.shape, -1)
    among = np.flatnonzero(venues.kind != WORK)
    base = np.where((people.work >= 0)[:, None], venues.xy[people.work], town.streets.xy[people.home])
    for k in range(errand.shape[1]):
        rows = np.flatnonzero(errand[:, k])
        target = np.exp(random.normal(np.log(plan.between_stops_m), plan.between_stops_sd, len(rows)))
        venue[rows, k] = nearest_to(target, base[rows], venues, among, random)
        base[rows] = venues.xy[venue[rows, k]]
    return venue


def _lunch(
    town: Town, rows: Ints, agenda: tuple[Ints, Floats, Floats], midnight: float, random: np.random.Generator
) -> None:
    """Work, a restaurant near it, and work again; those of one desk leave at one moment for one place."""
    venue, dwell, leave = agenda
    desk, work = town.people.desk[rows], town.people.work[rows]
    desks, first = np.unique(desk, return_index=True)
    places = np.flatnonzero(town.venues.kind == RESTAURANT)
    target = np.exp(random.normal(np.log(300.0), 0.6, len(desks)))
    where = nearest_to(target, town.venues.xy[work[first]], town.venues, places, random)
    noon = midnight + HOUR * random.normal(12.2, 0.4, len(desks))
    of_desk = np.searchsorted(desks, desk)
    venue[rows, 1], venue[rows, 2] = where[of_desk], work
    leave[rows, 0] = noon[of_desk]
    leave[rows, 1] = noon[of_desk] + _LUNCH_S + 600
    dwell[rows, 1] = np.inf
    dwell[rows, 2] = dwell[rows, 0] / 2


def _legs(town: Town, going: Ints, at: Ints, target: Ints, ready: Floats) -> Legs:
    venues, people = town.venues, town.people
    homeward = target[going] < 0
    root = np.where(homeward, at[going], target[going])
    start = np.where(at[going] >= 0, venues.crossing[at[going]], people.home[going])
    other = np.where(homeward, people.home[going], start)
    speed = np.where(_lunching(town, going, at, target), people.speed[people.desk_first[going]], people.speed[going])
    return Legs(going, town.ways.row[venues.crossing[root]], other, homeward, ready[going], speed)


def _lunching(town: Town, going: Ints, at: Ints, target: Ints) -> Bools:
    """Who walks between work and a restaurant: at the pace of the first of the desk, so that they stay together."""
    kind, work = town.venues.kind, town.people.work[going]
    there = (at[going] == work) & (kind[target[going]] == RESTAURANT)
    back = (target[going] == work) & (kind[at[going]] == RESTAURANT)
    return np.asarray((work >= 0) & (there | back))


def _left(agenda: _Agenda, party: Ints, k: int, arrival: Floats) -> Floats:
    """When each party leaves its k-th stop: after its dwell, or with the whole table, and never before arriving."""
    until = np.minimum(arrival + agenda.dwell[party, k], agenda.leave[party, k])
    return np.asarray(np.maximum(until, arrival + 60 + 2 * _DOOR_S))


def _stays(town: Town, random: np.random.Generator, party: Ints, target: Ints, arrival: Floats, ready: Floats) -> Stays:
    """Seats are random, but a desk's people have their places, and a desk that lunches shares a table."""
    venue, desk = target[party], town.people.desk[party]
    room = town.venues.room[venue] - 3.0
    seat = 1.5 + room * random.random((len(party), 2))
    at_work = town.people.work[party] == venue
    together = np.flatnonzero((desk >= 0) & (at_work | (town.venues.kind[venue] == RESTAURANT)))
    table = town.plan.random("tables").random((int(town.people.desk.max(initial=0)) + 1, 2))
    place = town.plan.random("places").uniform(-1.3, 1.3, (len(town.people.size), 2))
    middle = 1.5 + room[together] * table[desk[together]]
    seat[together] = (middle + place[party[together]]).clip(0.5, town.venues.room[venue[together]] - 0.5)
    return Stays(party, venue, arrival + _DOOR_S, ready[party] - _DOOR_S, seat)


def _on_platforms(town: Town, random: np.random.Generator, waits: Waits) -> Stays:
    """Who waits for the metro, as stays in the station's room, side by side with whoever else waits."""
    inside = np.flatnonzero((waits.venue >= 0) & (waits.end - waits.start > 4 * _DOOR_S))
    venue = waits.venue[inside]
    seat = 1.5 + (town.venues.room[venue] - 3.0) * random.random((len(inside), 2))
    return Stays(waits.party[inside], venue, waits.start[inside] + _DOOR_S, waits.end[inside] - _DOOR_S, seat)


def _joined(stays: list[Stays]) -> Stays:
    fields = ("party", "venue", "start", "end", "seat")
    return Stays(**{name: np.concatenate([getattr(stay, name) for stay in stays]) for name in fields})
