"""The contacts that the case page shows: one line a person, what each dated rule makes of them side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(slots=True)
class Person:
    """One person over all presets; `judged` holds what each preset says, by name. `own_masks` are the patient's."""

    pseudonym: str
    start: datetime
    end: datetime
    nearest_m: float | None = None
    error_m: float = 0.0
    confidence: float = 1.0
    own_masks: set[str] = field(default_factory=set)
    masks: set[str] = field(default_factory=set)
    places: set[str] = field(default_factory=set)
    perhaps: list[str] = field(default_factory=list)
    judged: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def percent(self) -> int:
        """How surely the patient was there; never 100, since a posterior is no certainty."""
        return min(99, round(100 * self.confidence))


def people_of(by_preset: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Person]:
    """Everybody who is a contact by any preset, or near its limit: contacts first, those with most minutes before."""
    people: dict[str, Person] = {}
    for preset, found in by_preset.items():
        for contact in found:
            for exposure in contact["exposures"]:
                _add(people, contact, exposure)
            one = people[contact["pseudonym"]]
            one.perhaps, one.judged[preset] = contact["perhaps"], contact
    return sorted(people.values(), key=lambda one: (*_weight(one), one.pseudonym))


def _add(people: dict[str, Person], contact: Mapping[str, Any], exposure: Mapping[str, Any]) -> None:
    start, end = (datetime.fromisoformat(exposure[name]) for name in ("start", "end"))
    one = people.setdefault(contact["pseudonym"], Person(contact["pseudonym"], start, end))
    one.start, one.end = min(one.start, start), max(one.end, end)
    metres, error = exposure["min_distance_m"], exposure["distance_error_m"]
    if metres is not None and (one.nearest_m is None or metres < one.nearest_m):
        one.nearest_m, one.error_m = metres, error
    one.confidence = min(one.confidence, exposure["confidence"])
    one.own_masks.add(exposure["patient_mask"])
    one.masks.add(exposure["other_mask"])
    one.places.add(exposure["camera"])


def _weight(person: Person) -> tuple[bool, float]:
    found = person.judged.values()
    return not any(one["counts"] for one in found), -max(float(one["minutes"]) for one in found)
