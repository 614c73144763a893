"""Who passes through which camera's view: true tracks, straight and even, before anything is missed or misjudged."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from shared.face_mask import FaceMask
from tests.city.cameras import Cameras
from tests.city.days import Day, Stays, Town
from tests.city.people import People, member_aside, member_lag, member_seat
from tests.city.plan import CityPlan
from tests.city.streets import Bools, Floats, Ints
from tests.city.transit import Waits
from tests.city.walks import Legs, Steps

_DOOR = np.array([1.0, 0.5])  # of a room, metres from its corner
_INDOOR_SPEED = 1.0
_SHORTEST_S = 1.0
_TO_STOP_S = 9.0  # from the crossing to its bus stop


class Facing(IntEnum):
    """Which side a person shows to the camera."""

    AWAY = 0
    TOWARD = 1
    INDOORS = 2


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """One person before one camera, moving evenly: at `start` (seconds since the plan's start) at `place` [n, 2] metres
    east and north of the camera, with `velocity` [n, 2] m/s until `end`; `mask` is what is truly worn."""

    person: Ints
    camera: Ints
    start: Floats
    end: Floats
    place: Floats
    velocity: Floats
    facing: npt.NDArray[np.int8]
    mask: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.person)

    def take(self, rows: Ints | Bools) -> Tracks:
        return Tracks(*(getattr(self, field.name)[rows] for field in fields(self)))

    def at(self, rows: Ints, moment: Floats) -> Floats:
        """Where the persons of `rows` are at `moment`, metres from the camera."""
        return np.asarray(self.place[rows] + self.velocity[rows] * (moment - self.start[rows])[:, None])


def day_tracks(town: Town, cameras: Cameras, day: Day, number: int) -> Tracks:
    """All tracks of a day, in order of start; what would outlast the plan is left out."""
    random = town.plan.random("tracks", number)
    on_street = _cameras_by_street(cameras, len(town.streets.u))
    parts = [_passing(town, cameras, on_street, leg_and_steps, random) for leg_and_steps in day.rounds]
    parts += [_waiting(town, cameras, on_street, waits, random) for waits in day.waits]
    parts.append(_staying(town, cameras, day.stays, random))
    tracks = joined(parts)
    kept = (tracks.end <= town.plan.seconds) & (tracks.end - tracks.start >= _SHORTEST_S)
    tracks = tracks.take(kept)
    return tracks.take(np.lexsort((tracks.camera, tracks.person, tracks.start)))


def joined(parts: list[Tracks]) -> Tracks:
    return Tracks(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Tracks)))


def expand(counts: Ints) -> tuple[Ints, Ints]:
    """Row i repeated counts[i] times, and 0, 1, … within each."""
    row = np.repeat(np.arange(len(counts)), counts)
    return row, np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)


def _cameras_by_street(cameras: Cameras, streets: int) -> tuple[Ints, Ints, Ints]:
    """Cameras in order of street, and where each street's begin and how many it has."""
    order = np.argsort(cameras.street, kind="stable")
    order = order[cameras.street[order] >= 0]
    counts = np.bincount(cameras.street[order], minlength=streets)
    return order, np.cumsum(counts) - counts, counts


def _passing(
    town: Town,
    cameras: Cameras,
    on_street: tuple[Ints, Ints, Ints],
    leg_and_steps: tuple[Legs, Steps],
    random: np.random.Generator,
) -> Tracks:
    (legs, steps), people, streets = leg_and_steps, town.people, town.streets
    order, begin, counts = on_street
    step, k = expand(counts[steps.street])
    camera = order[begin[steps.street[step]] + k]
    aside = random.uniform(-1.5, 1.5, len(legs.party))
    masks = worn(town.plan, people, legs.party, random)
    leg = steps.leg[step]
    row, member = expand(people.size[legs.party[leg]])
    step, camera, leg = step[row], camera[row], leg[row]
    street, forward, speed = steps.street[step], steps.forward[step], steps.speed[step]
    along, length = streets.along[street], streets.length[street]
    sign = np.where(forward, 1.0, -1.0)
    first = np.where(forward, cameras.near[camera], cameras.far[camera])
    walked = np.where(forward, first, length - first)
    start = steps.enter[step] + walked / speed + member_lag(member)
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)
    away = (aside[leg] + member_aside(member))[:, None] * normal
    return Tracks(
        person=people.first[legs.party[leg]] + member,
        camera=camera,
        start=start,
        end=start + (cameras.far[camera] - cameras.near[camera]) / speed,
        place=streets.xy[streets.u[street]] + along * first[:, None] + away - cameras.xy[camera],
        velocity=along * (sign * speed)[:, None],
        facing=(sign != cameras.looks[camera]).astype(np.int8),
        mask=masks[leg, member],
    )


def _waiting(
    town: Town, cameras: Cameras, on_street: tuple[Ints, Ints, Ints], waits: Waits, random: np.random.Generator
) -> Tracks:
    """Who stands at a bus stop, before the cameras that see it: a queue along the kerb, facing either way."""
    people, streets = town.people, town.streets
    order, begin, counts = on_street
    outside = np.flatnonzero(waits.venue < 0)
    queue = random.uniform(-3.0, 3.0, len(waits.party))
    masks = worn(town.plan, people, waits.party, random)
    row, k = expand(counts[waits.street[outside]])
    wait = outside[row]
    camera = order[begin[waits.street[wait]] + k]
    in_view = (cameras.near[camera] <= waits.at_m[wait]) & (waits.at_m[wait] <= cameras.far[camera])
    wait, camera = wait[in_view], camera[in_view]
    row, member = expand(people.size[waits.party[wait]])
    wait, camera = wait[row], camera[row]
    along = streets.along[waits.street[wait]]
    normal = np.stack([-along[:, 1], along[:, 0]], axis=1)
    spot = streets.xy[streets.u[waits.street[wait]]] + along * (waits.at_m[wait] + queue[wait])[:, None]
    spot += (1.8 + member_aside(member))[:, None] * normal
    return Tracks(
        person=people.first[waits.party[wait]] + member,
        camera=camera,
        start=waits.start[wait] + _TO_STOP_S + member_lag(member),
        end=waits.end[wait],
        place=spot - cameras.xy[camera],
        velocity=np.zeros((len(wait), 2)),
        facing=random.integers(0, 2, len(wait)).astype(np.int8),
        mask=masks[wait, member],
    )


def worn(plan: CityPlan, people: People, party: Ints, random: np.random.Generator) -> npt.NDArray[np.uint8]:
    """What each member [n, largest party] wears on one leg or stay."""
    member = np.arange(people.size.max())
    person = np.minimum(people.first[party][:, None] + member, len(people) - 1)
    dice = random.random(person.shape)
    wearer = np.where(dice < plan.mask_incorrect, FaceMask.INCORRECT, FaceMask.WORN)
    wearer = np.where(dice > 0.98, FaceMask.ABSENT, wearer)
    return np.where(people.wears[person], wearer, np.where(dice > 0.97, FaceMask.WORN, FaceMask.ABSENT)).astype(
        np.uint8
    )


def _staying(town: Town, cameras: Cameras, stays: Stays, random: np.random.Generator) -> Tracks:
    """In rooms with a camera: everybody in by the door, at the seat (if the camera sees it), and out."""
    watching = np.full(len(town.venues.xy), -1)
    watching[cameras.venue[cameras.indoor]] = np.flatnonzero(cameras.indoor)
    stay = np.flatnonzero(watching[stays.venue] >= 0)
    stay, member = _members(stay, town.people.size[stays.party])
    if not len(stay):
        return _walk_in(np.zeros((0, 8)), np.zeros((0, 2)), np.zeros((0, 2)))
    venue, party = stays.venue[stay], stays.party[stay]
    seat = (stays.seat[stay] + member_seat(member)).clip(0.3, town.venues.room[venue] - 0.3)
    lag = member_lag(member)
    start, end = stays.start[stay] + lag, stays.end[stay] + lag
    way_s = np.minimum(np.linalg.norm(seat - _DOOR, axis=1) / _INDOOR_SPEED, (end - start) / 3)
    masks = worn(town.plan, town.people, stays.party, random)[stay, member]
    head = np.stack([town.people.first[party] + member, watching[venue], masks], axis=1).astype(np.float64)
    door, inside = np.broadcast_to(_DOOR, seat.shape), start + way_s
    into = _walk_in(np.column_stack([head, start, inside]), door, seat)
    out = _walk_in(np.column_stack([head, end - way_s, end]), seat, door)
    seated = _seated(town, np.column_stack([head, inside, end - way_s]), seat, (stays, stay), random)
    return joined([into, seated, out])


def _members(stay: Ints, sizes: Ints) -> tuple[Ints, Ints]:
    row, member = expand(sizes[stay])
    return stay[row], member


def _walk_in(rows: Floats, origin: Floats, target: Floats) -> Tracks:
    """Tracks of rows (person, camera, mask, start, end), each from `origin` to `target`."""
    start, end = rows[:, 3], rows[:, 4]
    velocity = (target - origin) / np.maximum(end - start, 0.1)[:, None]
    person, camera = rows[:, 0].astype(np.int64), rows[:, 1].astype(np.int64)
    facing = np.full(len(rows), Facing.INDOORS, np.int8)
    return Tracks(person, camera, start, end, np.array(origin), velocity, facing, rows[:, 2].astype(np.uint8))


def _seated(town: Town, rows: Floats, seat: Floats, stays: tuple[Stays, Ints], random: np.random.Generator) -> Tracks:
    """Seated people whom the camera sees, in pieces: a track breaks when somebody passes in front."""
    plan, (all_stays, stay) = town.plan, stays
    in_view = (random.random(len(all_stays.party)) < plan.seat_in_view)[stay]
    off = town.venues.eating[all_stays.venue[stay]] & (random.random(len(stay)) < 0.9)
    off |= (random.random(len(all_stays.party)) < plan.mask_off_seated)[stay]
    rows = rows.copy()
    rows[off, 2] = FaceMask.ABSENT
    rows, seat = rows[in_view], seat[in_view]
    pieces = [rows[:0]]
    seats = [seat[:0]]
    while len(rows):
        piece = rows.copy()
        piece[:, 4] = np.minimum(rows[:, 4], rows[:, 3] + random.exponential(plan.seated_track_s, len(rows)))
        pieces.append(piece)
        seats.append(seat)
        rows = rows.copy()
        rows[:, 3] = piece[:, 4] + random.uniform(2, 20, len(rows))
        more = rows[:, 3] < rows[:, 4] - 5
        rows, seat = rows[more], seat[more]
    every = np.concatenate(seats)
    return _walk_in(np.concatenate(pieces), every, every)
