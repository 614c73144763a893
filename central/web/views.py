"""What the case page shows, made of what the API answers: rows in order of time, contacts by preset side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from central.routes.reconstruct import Route
from central.routes.route import Gap, Leg, Stay, Visit


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: a visit with its number from 1, or a gap. `leg` led here, `stay` began here."""

    visit: Visit | None = None
    number: int = 0
    gap: Gap | None = None
    leg: Leg | None = None
    stay: Stay | None = None

    @property
    def percent(self) -> int:
        """Never 100: a posterior is no certainty."""
        return min(99, round(100 * self.visit.confidence)) if self.visit else 0


def rows_of(route: Route) -> Iterator[Row]:
    """Visits in order, with the gaps between them where they lie."""
    gaps = {gap.after: gap for gap in route.gaps}
    legs = {leg.first: leg for leg in route.legs}
    stays = {stay.first: stay for stay in route.stays}
    if -1 in gaps:
        yield Row(gap=gaps[-1])
    for i, visit in enumerate(route.visits):
        yield Row(visit, i + 1, leg=legs.get(i - 1), stay=stays.get(i))
        if i in gaps:
            yield Row(gap=gaps[i])


def masks_of(route: Route) -> dict[str, int]:
    """Sightings of the patient by mask state, the most frequent first."""
    return dict(Counter(visit.candidate.mask.label for visit in route.visits).most_common())


@dataclass(slots=True)
class Person:
    """One contact person over all presets; `judged` holds what each preset says, by name."""

    pseudonym: str
    start: datetime
    end: datetime
    nearest_m: float
    error_m: float
    masks: set[str] = field(default_factory=set)
    places: set[str] = field(default_factory=set)
    judged: dict[str, Mapping[str, Any]] = field(default_factory=dict)


def people_of(by_preset: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[Person]:
    """Everybody who is a contact by any preset, those with most minutes first."""
    people: dict[str, Person] = {}
    for preset, found in by_preset.items():
        for contact in found:
            for exposure in contact["exposures"]:
                _add(people, contact, exposure)
            people[contact["pseudonym"]].judged[preset] = contact
    return sorted(people.values(), key=lambda one: (-_most_minutes(one), one.pseudonym))


def _add(people: dict[str, Person], contact: Mapping[str, Any], exposure: Mapping[str, Any]) -> None:
    start, end = (datetime.fromisoformat(exposure[name]) for name in ("start", "end"))
    metres, error = exposure["min_distance_m"], exposure["distance_error_m"]
    one = people.setdefault(contact["pseudonym"], Person(contact["pseudonym"], start, end, metres, error))
    one.start, one.end = min(one.start, start), max(one.end, end)
    one.nearest_m, one.error_m = min((one.nearest_m, one.error_m), (metres, error))
    one.masks.add(exposure["other_mask"])
    one.places.add(exposure["camera"])


def _most_minutes(person: Person) -> float:
    return max(float(contact["minutes"]) for contact in person.judged.values())
