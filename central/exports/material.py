"""What an export is made of: one case's route, and its contacts by one dated preset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from central.contacts.exposures import Contact, Exposure, exposures, judged
from central.contacts.presets import Preset
from central.routes.reconstruct import Route, route_from_map
from shared.clock import as_utc

SURE: Final = 0.95  # a sighting with this posterior counts as certain in systems that have three levels


@dataclass(frozen=True, slots=True)
class OfCase:
    """What a file says of its case: no name, since the centre has none."""

    case: str
    purpose: str
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class Material:
    """`zone` is the one that local times are in; `contacts` are those of `preset`, most minutes first, and `possible`
    are people whom it does not count as measured, but who may be contacts in truth."""

    of: OfCase
    found_at: datetime
    made_at: datetime
    zone: ZoneInfo
    route: Route
    preset: str
    contacts: tuple[Contact, ...]
    possible: tuple[Contact, ...] = ()

    @classmethod
    def of_route(
        cls, of: OfCase, found_at: datetime, made_at: datetime, zone: ZoneInfo, route: Mapping[str, Any], rule: Preset
    ) -> Material:
        """From a stored route. Raises BadInput for a malformed one."""
        found = route_from_map(route)
        people = judged(exposures(found), rule)
        sure, perhaps = (tuple(one for one in people if one.counts is counts) for counts in (True, False))
        return cls(of, found_at, made_at, zone, found, rule.name, sure, perhaps)

    def local(self, moment: datetime) -> str:
        """Local time with its offset, so that it stays one moment however it is read."""
        return as_utc(moment).astimezone(self.zone).isoformat(timespec="seconds")

    @staticmethod
    def utc(moment: datetime) -> str:
        return as_utc(moment).isoformat(timespec="seconds")

    def day(self, moment: datetime, form: str = "%Y-%m-%d") -> str:
        return as_utc(moment).astimezone(self.zone).strftime(form)

    def met(self) -> Iterator[tuple[Contact, Exposure]]:
        """Each exposure that counts, with the contact whose it is."""
        yield from ((contact, one) for contact in self.contacts for one in contact.exposures)

    def told(self, contact: Contact) -> str:
        """A contact in one line for systems that have no field for distance or masks."""
        seen = "; ".join(
            f"{one.place.camera} {self.day(one.start, '%m-%d %H:%M')}-{self.day(one.end, '%H:%M')}, "
            f"{_near(one)}, "
            f"masks: patient {one.patient_mask.label}, contact {one.other_mask.label}"
            for one in contact.exposures
        )
        minutes, *bounds = (f"{one:.0f}" for one in (contact.minutes, contact.least_minutes, contact.most_minutes))
        span = f"{minutes} min" + (f" (from {bounds[0]} to {bounds[1]})" if bounds[0] != bounds[1] else "")
        unknown = f", {contact.unknown_minutes:.0f} min of them with masks not seen" if contact.unknown_minutes else ""
        doubt = f", in doubt by {' and '.join(contact.because).replace('_', ' ')}" if contact.uncertain else ""
        same = f" Perhaps the same person as {' or '.join(contact.perhaps)}." if contact.perhaps else ""
        return f"{span} by {contact.preset}{unknown}{doubt}. Seen: {seen}. Times in {self.zone.key}.{same}"


def _near(one: Exposure) -> str:
    if one.min_distance_m is None:
        return "distance not measured"
    return f"nearest {one.min_distance_m:.1f} m (error {one.distance_error_m:.1f} m)"
