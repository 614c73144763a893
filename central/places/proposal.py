"""From a route to a list of places: which may be told, which are left out, and why. Pure; nothing is published here.

A place is proposed when a contact arose there. It is left out when the patient may live or work there or close by, when
every contact there is known, or when its time to be shown is over. The list holds no case, no person and no order of a
way: places stand by their names, with times that are rounded outward.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from central.contacts.exposures import Contact, Exposure
from central.places.rules import PlaceRules
from central.routes.camera_graph import CameraPlace, apart_m
from central.routes.route import Route
from shared.errors import BadInput

NEAR_HOME_M: Final = 100.0  # a place this close to where the patient may live tells where that is
SAME_HOME_M: Final = 300.0  # who was last seen in the evening and first in the morning this close slept there
POSITION_DIGITS: Final = 4  # about 10 m: enough to find the house, and no more than a camera's entry is worth
Span = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class ToldPrivate:
    """When the patient says to have been at home or at work, and where that is, in degrees, if they said."""

    start: datetime
    end: datetime
    latitude: float | None = None
    longitude: float | None = None


class UnknownPlace(BadInput):
    """A choice names a camera that is not on this route."""


class Why(StrEnum):
    """Why a place of the route is not proposed."""

    NO_CONTACT = "no contact"
    PRIVATE = "private"
    NIGHT = "night"
    TOLD_PRIVATE = "told private"
    ALL_KNOWN = "all known"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Choices:
    """What the tracer knows, by camera: homes and places of work, public places although nights were spent there,
    places whose contacts are all known, and what a place is called."""

    private: frozenset[str] = frozenset()
    public: frozenset[str] = frozenset()
    all_known: frozenset[str] = frozenset()
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def cameras(self) -> frozenset[str]:
        return self.private | self.public | self.all_known | frozenset(self.names)


@dataclass(frozen=True, slots=True)
class PublicPlace:
    """`name` is empty until somebody says what is there; `remove_after` is the last day on which it may be shown."""

    camera: str
    name: str
    latitude: float
    longitude: float
    times: tuple[Span, ...]
    remove_after: date


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A stop of the route that is not proposed; only the tracer sees it."""

    camera: str
    start: datetime
    end: datetime
    why: Why


@dataclass(frozen=True, slots=True)
class Proposal:
    """A draft: somebody else releases it. `passed` are the route's other cameras: one of them may hang at a home."""

    rules: PlaceRules
    made_at: datetime
    zone: ZoneInfo
    places: tuple[PublicPlace, ...]
    left_out: tuple[LeftOut, ...]
    passed: tuple[str, ...]

    def to_map(self) -> dict[str, Any]:
        """For the tracer: with the cameras, by which choices are made, and what was left out."""
        return {
            "draft": True,
            "rules": self.rules.name,
            "made_at": self.made_at.isoformat(),
            "zone": self.zone.key,
            "places": [{"camera": one.camera, **public_map(one, self.zone)} for one in self.places],
            "left_out": [
                {"camera": one.camera, "start": one.start.isoformat(), "end": one.end.isoformat(), "why": one.why.value}
                for one in self.left_out
            ],
            "passed": list(self.passed),
        }


def public_map(place: PublicPlace, zone: ZoneInfo) -> dict[str, Any]:
    """What the public may see of a place."""
    times = [[at.astimezone(zone).isoformat(timespec="minutes") for at in span] for span in place.times]
    position = {"latitude": place.latitude, "longitude": place.longitude}
    return {"name": place.name, **position, "times": times, "remove_after": place.remove_after.isoformat()}


def propose(
    route: Route, contacts: Sequence[Contact], choices: Choices, rules: PlaceRules, now: datetime, zone: ZoneInfo,
    told_private: Sequence[ToldPrivate] = (),
) -> Proposal:  # fmt: skip
    """A choice may name any camera of the route: a home is where nobody stopped for the camera. Raises UnknownPlace."""
    stops = list(_stops(route, [one for contact in contacts for one in contact.exposures]))
    cameras = {visit.place.camera for visit in route.visits}
    if unknown := sorted(choices.cameras - cameras):
        hint = "name a camera that saw the patient, as the route has it"
        raise UnknownPlace(f"this route has no camera {', '.join(unknown[:3])}", hint=hint)
    homes = _homes(route, stops, choices, rules, zone, told_private)
    why = [_why(stop, choices, homes) for stop in stops]
    out = [LeftOut(s.place.camera, s.start, s.end, w) for s, w in zip(stops, why, strict=True) if w]
    kept = [stop for stop, reason in zip(stops, why, strict=True) if reason is None]
    places = []
    for camera in sorted({stop.place.camera for stop in kept}):
        mine = [stop for stop in kept if stop.place.camera == camera]
        place = _public(mine, choices.names.get(camera, ""), rules, zone)
        if place.remove_after < now.astimezone(zone).date():
            out += [LeftOut(camera, stop.start, stop.end, Why.OVER) for stop in mine]
        else:
            places.append(place)
    places.sort(key=lambda one: (one.name == "", one.name, one.latitude, one.longitude))
    out.sort(key=lambda one: (one.start, one.camera))
    passed = cameras - {stop.place.camera for stop in stops}
    return Proposal(rules, now, zone, tuple(places), tuple(out), tuple(sorted(passed)))


@dataclass(frozen=True, slots=True)
class _Home:
    """Where the patient may live or work, and what speaks for it."""

    latitude: float
    longitude: float
    why: Why


@dataclass(frozen=True, slots=True)
class _Stop:
    place: CameraPlace
    start: datetime
    end: datetime
    exposures: tuple[Exposure, ...]


def _stops(route: Route, counted: Sequence[Exposure]) -> Iterator[_Stop]:
    """Stays, and sightings outside of any at which somebody became a contact; each with the exposures there."""
    inside: set[int] = set()
    for stay in route.stays:
        of_stay = range(stay.first, stay.last + 1)
        inside |= set(of_stay)
        cameras = {route.visits[i].place.camera for i in of_stay}
        met = (one for one in counted if one.place.camera in cameras and one.start < stay.end and one.end > stay.start)
        yield _Stop(stay.place, stay.start, stay.end, tuple(met))
    for i, visit in enumerate(route.visits):
        here = [one for one in counted if one.place == visit.place and one.start < visit.end and one.end > visit.start]
        if i not in inside and here:
            yield _Stop(visit.place, visit.start, visit.end, tuple(here))


def _homes(
    route: Route, stops: Sequence[_Stop], choices: Choices, rules: PlaceRules, zone: ZoneInfo,
    told: Sequence[ToldPrivate],
) -> list[_Home]:  # fmt: skip
    """Never the place of a camera that the tracer calls public."""
    places = {visit.place.camera: visit.place for visit in route.visits}
    found = [(place, Why.PRIVATE) for camera, place in places.items() if camera in choices.private]
    for stop in stops:
        span = stop.start, stop.end
        if any(_overlap(span, (one.start, one.end)) * 2 > stop.end - stop.start for one in told):
            found.append((stop.place, Why.TOLD_PRIVATE))
        if _night(span, rules, zone) >= rules.night:
            found.append((stop.place, Why.NIGHT))
    found += [(place, Why.NIGHT) for place in _slept_near(route, rules, zone)]
    homes = [_Home(place.latitude, place.longitude, why) for place, why in found if place.camera not in choices.public]
    return homes + [
        _Home(one.latitude, one.longitude, Why.TOLD_PRIVATE)
        for one in told if one.latitude is not None and one.longitude is not None
    ]  # fmt: skip


def _slept_near(route: Route, rules: PlaceRules, zone: ZoneInfo) -> Iterator[CameraPlace]:
    """Where the patient was last seen before a night without evidence, and first after it: at the window's ends, or
    when both are close together."""
    for gap in route.gaps:
        ends = [route.visits[i].place for i in (gap.after, gap.after + 1) if 0 <= i < len(route.visits)]
        whole = _night((gap.start, gap.end), rules, zone) >= rules.night
        if whole and ends and apart_m(ends[0], ends[-1]) <= SAME_HOME_M:
            yield from ends


def _why(stop: _Stop, choices: Choices, homes: Iterable[_Home]) -> Why | None:
    camera = stop.place.camera
    if camera not in choices.public:
        for home in homes:
            if apart_m(home, stop.place) <= NEAR_HOME_M:
                return home.why
    if camera in choices.all_known:
        return Why.ALL_KNOWN
    return None if stop.exposures else Why.NO_CONTACT


def _night(span: Span, rules: PlaceRules, zone: ZoneInfo) -> timedelta:
    """The most of it that lies within one local night, between the rules' hours."""
    first, last = (at.astimezone(zone).date() for at in span)
    nights = (first + timedelta(days=n) for n in range((last - first).days + 1))
    return max(_overlap(span, _hours(day, rules, zone)) for day in nights)


def _hours(day: date, rules: PlaceRules, zone: ZoneInfo) -> Span:
    hours = (datetime.combine(day, time(hour), zone) for hour in (rules.night_from, rules.night_until))
    start, end = (at.astimezone(UTC) for at in hours)
    return start, end


def _overlap(one: Span, other: Span) -> timedelta:
    return max(min(one[1], other[1]) - max(one[0], other[0]), timedelta(0))


def _public(stops: Sequence[_Stop], name: str, rules: PlaceRules, zone: ZoneInfo) -> PublicPlace:
    place, last = stops[0].place, max(one.end for stop in stops for one in stop.exposures)
    return PublicPlace(
        camera=place.camera,
        name=name,
        latitude=round(place.latitude, POSITION_DIGITS),
        longitude=round(place.longitude, POSITION_DIGITS),
        times=_joined(_rounded(stop, rules.round_to, zone) for stop in stops),
        remove_after=(last.astimezone(zone) + rules.shown).date(),
    )


def _rounded(stop: _Stop, step: timedelta, zone: ZoneInfo) -> Span:
    """Outward to whole steps of the local hour, so that no exact time of a person is told."""
    start, end = stop.start.astimezone(zone), stop.end.astimezone(zone)
    hour, last = (at.replace(minute=0, second=0, microsecond=0) for at in (start, end))
    return hour + (start - hour) // step * step, last - (last - end) // step * step


def _joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """In order of time; those that touch are one."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], end)
        else:
            found.append((start, end))
    return tuple(found)
