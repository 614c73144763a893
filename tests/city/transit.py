"""Buses and a metro: lines with stops and timetables, and ways that use them. Nobody is seen inside a vehicle; who
takes the same one waits together and gets off together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import dijkstra

from tests.city.plan import CityPlan
from tests.city.streets import Bools, Floats, Ints, Streets
from tests.city.walks import Legs, Steps, Ways, walk

_BUS_STOPS_M, _METRO_STOPS_M = 400.0, 1100.0
_FROM_CORNER_M = 9.0  # a bus stop lies beside its crossing
_DETOUR = 1.27  # streets against the straight line, on a grid in any direction: 4/π
_FAR_M = 700.0  # farther from a stop nobody takes the line
_SAVES = 0.8  # of the walk's time, at most
_NOWHERE = 1e9


@dataclass(frozen=True, slots=True, eq=False)
class Transit:
    """Stops of all lines, one after another: by stop its line, crossing, seconds from the line's first stop, and venue
    (a metro station's room, else -1); by line the first second and the seconds between two vehicles; by crossing and
    line [crossings, lines] the nearest stop and the metres to it along streets, estimated."""

    line: Ints
    crossing: Ints
    at_s: Floats
    venue: Ints
    offset: Floats
    headway: Floats
    nearest: Ints
    away_m: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Waits:
    """Parties at a stop from `start` to `end`: at `at_m` metres along `street`, or in the room of `venue`."""

    party: Ints
    street: Ints
    at_m: Floats
    venue: Ints
    start: Floats
    end: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Trip:
    """What became of legs: walked parts, waits, and when each leg arrives."""

    walked: tuple[tuple[Legs, Steps], ...]
    waits: Waits
    arrival: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """The routes of lines, before anybody knows where their stations' rooms are: crossings and seconds by line."""

    stops: tuple[Ints, ...]
    at_s: tuple[Floats, ...]
    metro: Bools

    @property
    def stations(self) -> Ints:
        """Crossings with a metro station."""
        found = [stops for stops, metro in zip(self.stops, self.metro, strict=True) if metro]
        return np.unique(np.concatenate([np.zeros(0, np.int64), *found]))


def make_lines(plan: CityPlan, streets: Streets) -> Lines:
    """Metro lines straight through the city, buses along streets between far ends."""
    random = plan.random("lines")
    made = [_metro(plan, streets, random) for _ in range(plan.metro_lines)]
    made += [_bus(plan, streets, random) for _ in range(plan.bus_lines)]
    kind = np.arange(len(made)) < plan.metro_lines
    kept = [k for k, (stops, _) in enumerate(made) if len(stops) >= 2]
    return Lines(tuple(made[k][0] for k in kept), tuple(made[k][1] for k in kept), kind[kept])


def make_transit(plan: CityPlan, streets: Streets, lines: Lines, room_of: dict[int, int]) -> Transit | None:
    """`room_of` gives the venue of each station's crossing. None where there is no line."""
    if not lines.stops:
        return None
    random = plan.random("timetable")
    count = len(lines.stops)
    headway = np.where(lines.metro, random.uniform(240, 360, count), random.uniform(360, 900, count))
    nearest, away = zip(*(_nearest(streets, stops) for stops in lines.stops), strict=True)
    begin = np.cumsum([0, *map(len, lines.stops)])[:-1]
    crossing, line = np.concatenate(lines.stops), np.repeat(np.arange(count), [len(stops) for stops in lines.stops])
    room = np.full(len(streets.xy), -1)
    room[list(room_of)] = list(room_of.values())
    return Transit(
        line=line,
        crossing=crossing,
        at_s=np.concatenate(lines.at_s),
        venue=np.where(lines.metro[line], room[crossing], -1),
        offset=random.uniform(0, headway),
        headway=headway,
        nearest=np.stack(nearest, axis=1) + begin,
        away_m=np.stack(away, axis=1),
    )


def travel(
    plan: CityPlan, streets: Streets, ways: Ways, transit: Transit, legs: Legs, random: np.random.Generator
) -> Trip:
    """Each leg on foot (or by car, where it is long), or on foot to a stop, by a vehicle, and on foot from its stop."""
    root = np.flatnonzero(ways.row >= 0)[legs.root]
    origin, target = np.where(legs.homeward, root, legs.other), np.where(legs.homeward, legs.other, root)
    board, alight = _chosen(plan, streets, transit, (origin, target), legs.speed)
    rides = (board >= 0) & (random.random(len(board)) < plan.transit_share)
    rest, riding = np.flatnonzero(~rides), np.flatnonzero(rides)
    direct = _take(legs, rest)
    steps, arrived = walk(plan, streets, ways, direct)
    arrival = np.empty(len(board))
    arrival[rest] = arrived
    board, alight = board[riding], alight[riding]
    there = Legs(
        legs.party[riding], ways.row[transit.crossing[board]], origin[riding], np.zeros(len(riding), np.bool_),
        legs.depart[riding], legs.speed[riding],
    )  # fmt: skip
    steps_there, ready = walk(plan, streets, ways, there)
    left = _departure(transit, board, alight, ready)
    off = left + np.abs(transit.at_s[alight] - transit.at_s[board])
    root, homeward = ways.row[transit.crossing[alight]], np.ones(len(riding), np.bool_)
    onward = Legs(there.party, root, target[riding], homeward, off, there.speed)
    steps_onward, arrival[riding] = walk(plan, streets, ways, onward)
    waits = _waits(streets, transit, there.party, board, (ready, left))
    return Trip(((direct, steps), (there, steps_there), (onward, steps_onward)), waits, arrival)


def _chosen(
    plan: CityPlan, streets: Streets, transit: Transit, ends: tuple[Ints, Ints], speed: Floats
) -> tuple[Ints, Ints]:
    """Where to get on and off, of the line that is quickest; -1 where walking is about as quick, or a stop is far."""
    origin, target = ends
    board, alight = transit.nearest[origin], transit.nearest[target]
    walked = transit.away_m[origin] + transit.away_m[target]
    usual = walked / speed[:, None] + transit.headway / 2 + np.abs(transit.at_s[board] - transit.at_s[alight])
    far = (transit.away_m[origin] > _FAR_M) | (transit.away_m[target] > _FAR_M) | (board == alight)
    usual = np.where(far, _NOWHERE, usual)
    best = usual.argmin(axis=1)[:, None]
    on_foot = _DETOUR * np.linalg.norm(streets.xy[origin] - streets.xy[target], axis=1) / speed
    quick = np.take_along_axis(usual, best, 1)[:, 0] < _SAVES * on_foot
    found = (np.where(quick, np.take_along_axis(side, best, 1)[:, 0], -1) for side in (board, alight))
    return next(found), next(found)


def _departure(transit: Transit, board: Ints, alight: Ints, ready: Floats) -> Floats:
    """When the next vehicle towards `alight` leaves; both directions start together at their ends."""
    line = transit.line[board]
    last = np.zeros(len(transit.offset))
    np.maximum.at(last, transit.line, transit.at_s)
    forward = transit.at_s[alight] > transit.at_s[board]
    passes = transit.offset[line] + np.where(forward, transit.at_s[board], last[line] - transit.at_s[board])
    runs = np.ceil((ready - passes) / transit.headway[line])
    return np.asarray(passes + runs * transit.headway[line])


def _waits(streets: Streets, transit: Transit, party: Ints, board: Ints, times: tuple[Floats, Floats]) -> Waits:
    """A bus stop lies on the first of its crossing's streets."""
    first = np.full(len(streets.xy), -1)
    for side in (streets.v, streets.u):
        first[side[::-1]] = np.arange(len(side))[::-1]
    street = first[transit.crossing[board]]
    from_u = streets.u[street] == transit.crossing[board]
    at = np.minimum(_FROM_CORNER_M, streets.length[street] / 2)
    return Waits(party, street, np.where(from_u, at, streets.length[street] - at), transit.venue[board], *times)


def _take(legs: Legs, rows: Ints) -> Legs:
    return Legs(
        legs.party[rows], legs.root[rows], legs.other[rows], legs.homeward[rows], legs.depart[rows], legs.speed[rows]
    )


def _metro(plan: CityPlan, streets: Streets, random: np.random.Generator) -> tuple[Ints, Floats]:
    half, turn = plan.side_m / 2, random.uniform(0, np.pi)
    middle, way = random.uniform(-0.5, 0.5, 2) * half, np.array([np.cos(turn), np.sin(turn)])
    points = middle + np.arange(-np.sqrt(2) * 2 * half, np.sqrt(2) * 2 * half, _METRO_STOPS_M)[:, None] * way
    points = points[(np.abs(points) <= half).all(axis=1)]
    away = np.linalg.norm(streets.xy[None] - points[:, None], axis=2)
    stops = np.asarray(away.argmin(axis=1), np.int64)
    return stops, np.asarray(np.arange(len(stops)) * _METRO_STOPS_M / plan.metro_speed, np.float64)


def _bus(plan: CityPlan, streets: Streets, random: np.random.Generator) -> tuple[Ints, Floats]:
    """The shortest way between two crossings that lie at least half the city apart, as streets happen to run."""
    n = len(streets.xy)
    origin = int(random.integers(n))
    away = np.linalg.norm(streets.xy - streets.xy[origin], axis=1)
    end = int(random.choice(np.flatnonzero(away >= min(0.5 * plan.side_m, away.max()))))
    felt = streets.length * np.exp(random.normal(0, 0.3, len(streets.length)))
    _, before = dijkstra(
        csr_matrix((felt, (streets.u, streets.v)), (n, n)), directed=False, indices=origin, return_predecessors=True
    )
    way = [end]
    while way[-1] != origin:
        way.append(int(before[way[-1]]))
    crossings = np.array(way[::-1])
    metres = np.r_[0, np.cumsum(np.linalg.norm(np.diff(streets.xy[crossings], axis=0), axis=1))]
    stop = np.unique(np.searchsorted(metres, np.arange(0, metres[-1] + 1, _BUS_STOPS_M)).clip(0, len(way) - 1))
    return crossings[stop], np.asarray(metres[stop] / plan.bus_speed, np.float64)


def _nearest(streets: Streets, stops: Ints) -> tuple[Ints, Floats]:
    away = np.linalg.norm(streets.xy[:, None] - streets.xy[stops][None], axis=2)
    nearest = away.argmin(axis=1)
    return nearest, np.asarray(_DETOUR * away[np.arange(len(nearest)), nearest], np.float64)
