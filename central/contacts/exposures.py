"""Who was near the patient: exposures are facts, contacts are what a dated preset makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from central.contacts.presets import Preset, load_preset
from central.routes.camera_graph import CameraPlace
from central.routes.route import Route
from shared.clock import as_utc
from shared.face_mask import FaceMask
from shared.sightings import REACHES_M


@dataclass(frozen=True, slots=True)
class Exposure:
    """Two people near each other at one place, as measured; `pseudonym` is the other person within this case."""

    pseudonym: str
    place: CameraPlace
    start: datetime
    end: datetime
    min_distance_m: float
    distance_error_m: float
    patient_mask: FaceMask
    other_mask: FaceMask
    confidence: float
    near_s: tuple[float, ...] | None = None

    @property
    def minutes(self) -> float:
        return (self.end - self.start) / timedelta(minutes=1)

    def share_within(self, rule: Preset) -> float:
        """The part of the time, 0..1, that was spent within the rule's distance.

        From the seconds that the box counted within the nearest reach that is no shorter; all of the time where it did
        not count and once came near enough.
        """
        if not rule.near(self.min_distance_m):
            return 0.0
        spent = [s for reach, s in zip(REACHES_M, self.near_s or (), strict=False) if reach >= rule.distance_m]
        if not spent or self.end <= self.start:
            return 1.0
        return min(spent[0] / (self.end - self.start).total_seconds(), 1.0)

    @property
    def indoor(self) -> bool:
        return self.place.indoor

    @property
    def both_masked(self) -> bool:
        return self.patient_mask is self.other_mask is FaceMask.WORN

    @property
    def mask_unknown(self) -> bool:
        """Whether a mask that was not seen decides: the other person's state alone does not."""
        masks = {self.patient_mask, self.other_mask}
        return FaceMask.UNKNOWN in masks and not masks & {FaceMask.ABSENT, FaceMask.INCORRECT}


@dataclass(frozen=True, slots=True)
class Contact:
    """A person possibly exposed by one preset, with the exposures that count.

    `minutes` are the most within the preset's time span; `unknown_minutes` of them rest on masks that were not seen.
    `uncertain` says that the measured distances could as well lie on the other side of the preset's limit.
    """

    pseudonym: str
    preset: str
    minutes: float
    unknown_minutes: float
    nearest_m: float
    uncertain: bool
    exposures: tuple[Exposure, ...]

    @property
    def start(self) -> datetime:
        return min(one.start for one in self.exposures)

    @property
    def end(self) -> datetime:
        return max(one.end for one in self.exposures)


def exposures(route: Route) -> tuple[Exposure, ...]:
    """The meetings of all visits that the route rests on, in order of time."""
    found = [
        Exposure(
            pseudonym=met.pseudonym,
            place=visit.place,
            start=met.start,
            end=met.end,
            min_distance_m=met.min_distance_m,
            distance_error_m=met.distance_error_m,
            patient_mask=visit.candidate.mask,
            other_mask=met.mask,
            confidence=visit.confidence,
            near_s=met.near_s,
        )
        for visit in route.visits
        for met in visit.met
    ]
    return tuple(sorted(found, key=lambda one: (one.start, one.end, one.pseudonym)))


def contacts(facts: Iterable[Exposure], preset: Preset | str) -> tuple[Contact, ...]:
    """Contacts by a preset, those with most minutes first. Raises UnknownPreset."""
    rule = load_preset(preset) if isinstance(preset, str) else preset
    of_person: dict[str, list[Exposure]] = {}
    for one in facts:
        if _counts(one, rule):
            of_person.setdefault(one.pseudonym, []).append(one)
    found = [_contact(name, counted, rule) for name, counted in of_person.items()]
    return tuple(sorted((c for c in found if c.minutes >= rule.minutes), key=lambda c: (-c.minutes, c.pseudonym)))


def contact_to_map(contact: Contact) -> dict[str, Any]:
    """Plain JSON values."""
    names = ("pseudonym", "preset", "nearest_m", "uncertain")
    return {
        **{name: getattr(contact, name) for name in names},
        "minutes": round(contact.minutes, 1),
        "unknown_minutes": round(contact.unknown_minutes, 1),
        "start": as_utc(contact.start).isoformat(),
        "end": as_utc(contact.end).isoformat(),
        "exposures": [exposure_to_map(one) for one in contact.exposures],
    }


def exposure_to_map(one: Exposure) -> dict[str, Any]:
    """Plain JSON values."""
    return {
        "pseudonym": one.pseudonym,
        "camera": one.place.camera,
        "latitude": one.place.latitude,
        "longitude": one.place.longitude,
        "indoor": one.indoor,
        "start": as_utc(one.start).isoformat(),
        "end": as_utc(one.end).isoformat(),
        "minutes": round(one.minutes, 1),
        "near_s": None if one.near_s is None else dict(zip(map(str, REACHES_M), one.near_s, strict=True)),
        "min_distance_m": one.min_distance_m,
        "distance_error_m": one.distance_error_m,
        "patient_mask": one.patient_mask.label,
        "other_mask": one.other_mask.label,
        "confidence": round(one.confidence, 3),
    }


def _counts(one: Exposure, rule: Preset) -> bool:
    return rule.near(one.min_distance_m) and not (rule.masks_protect and one.both_masked)


def _contact(name: str, counted: Sequence[Exposure], rule: Preset) -> Contact:
    chosen, minutes = _busiest(counted, rule)
    unknown = [one for one in chosen if one.mask_unknown] if rule.masks_protect else []
    nearest = min(chosen, key=lambda one: one.min_distance_m)
    # Without the exposures that may have been too far away, would it still be enough?
    sure = [one for one in chosen if rule.near(one.min_distance_m + one.distance_error_m)]
    return Contact(
        pseudonym=name,
        preset=rule.name,
        minutes=minutes,
        unknown_minutes=_minutes(unknown, rule),
        nearest_m=nearest.min_distance_m,
        uncertain=_minutes(sure, rule) < rule.minutes,
        exposures=tuple(chosen),
    )


def _busiest(counted: Sequence[Exposure], rule: Preset) -> tuple[list[Exposure], float]:
    """The exposures, and their minutes, of the time span that holds most; the best begins or ends with one."""
    within = rule.within
    if within is None:
        return list(counted), _minutes(counted, rule)
    spans = [(one.start, one.start + within) for one in counted] + [(one.end - within, one.end) for one in counted]
    chosen = [[one for one in counted if one.start < end and one.end > start] for start, end in spans]
    minutes = [_minutes(some, rule, *span) for some, span in zip(chosen, spans, strict=True)]
    best = max(range(len(spans)), key=lambda i: (minutes[i], -i))
    return chosen[best], minutes[best]


def _minutes(
    some: Iterable[Exposure], rule: Preset, start: datetime | None = None, end: datetime | None = None
) -> float:
    """Minutes within the rule's distance that the exposures cover together, cut to a span.

    Two cameras that see one meeting count it once. Nearness is spread evenly over an exposure: a box tells how long,
    not when.
    """
    total, until = timedelta(0), None
    for one in sorted(some, key=lambda one: (one.start, one.end)):
        begin, finish = max(one.start, start or one.start), min(one.end, end or one.end)
        begin = max(begin, until) if until is not None else begin
        if finish > begin:
            total += (finish - begin) * one.share_within(rule)
            until = finish
    return total / timedelta(minutes=1)
