"""Who was near the patient: exposures are facts, contacts are what a dated preset makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np

from central.contacts.facts import Exposure, exposure_to_map, exposures
from central.contacts.minutes import Bound, Together, overlaps, share
from central.contacts.perhaps import perhaps_one
from central.contacts.presets import Preset, load_preset
from shared.clock import as_utc

__all__ = ["Contact", "Exposure", "contact_to_map", "contacts", "exposure_to_map", "exposures", "judged"]

_SAME = 1e-6  # minutes: less is rounding
# Why it is uncertain whether somebody was a contact.
DISTANCE, MASK, NO_DISTANCE, ANOTHER_NAME = "distance", "mask", "no_distance", "another_name"


@dataclass(frozen=True, slots=True)
class Contact:
    """A person possibly exposed by one preset, with the exposures that count.

    `minutes` are the most within the preset's time span, as measured; in truth they lie between `least_minutes` and
    `most_minutes`, by the distances' errors and by masks that were not seen; `unknown_minutes` rest on such masks.
    `counts` says whether the measured minutes are enough; `uncertain` whether the truth may be on the other side, and
    `because` why. `perhaps` are pseudonyms that may hide the same person, in another hour or without a face; their
    minutes are never added up.
    """

    pseudonym: str
    preset: str
    minutes: float
    least_minutes: float
    most_minutes: float
    unknown_minutes: float
    indoor_minutes: float
    nearest_m: float | None
    counts: bool
    uncertain: bool
    because: tuple[str, ...]
    confidence: float
    perhaps: tuple[str, ...]
    exposures: tuple[Exposure, ...]

    @property
    def start(self) -> datetime:
        return min(one.start for one in self.exposures)

    @property
    def end(self) -> datetime:
        return max(one.end for one in self.exposures)


def contacts(facts: Iterable[Exposure], preset: Preset | str) -> tuple[Contact, ...]:
    """Contacts by a preset, those with most minutes first. Raises UnknownPreset."""
    return tuple(one for one in judged(facts, preset) if one.counts)


def judged(facts: Iterable[Exposure], preset: Preset | str) -> tuple[Contact, ...]:
    """The same with those who are none as measured and may be one in truth (`counts` tells), all by their minutes."""
    rule = load_preset(preset) if isinstance(preset, str) else preset
    of_person: dict[str, list[Exposure]] = {}
    for one in facts:
        of_person.setdefault(one.pseudonym, []).append(one)
    others = _others(of_person)
    found = [_judged(some, rule, others[name]) for name, some in of_person.items()]
    near = [one for one in found if one is not None]
    return tuple(sorted(near, key=lambda c: (-c.minutes, -c.most_minutes, c.pseudonym)))


def contact_to_map(contact: Contact) -> dict[str, Any]:
    """Plain JSON values."""
    plain = ("pseudonym", "preset", "nearest_m", "counts", "uncertain")
    minutes = ("minutes", "least_minutes", "most_minutes", "unknown_minutes", "indoor_minutes")
    return {
        **{name: getattr(contact, name) for name in plain},
        **{name: round(getattr(contact, name), 1) for name in minutes},
        "because": list(contact.because),
        "confidence": round(contact.confidence, 3),
        "perhaps": list(contact.perhaps),
        "start": as_utc(contact.start).isoformat(),
        "end": as_utc(contact.end).isoformat(),
        "exposures": [exposure_to_map(one) for one in contact.exposures],
    }


def _judged(facts: Sequence[Exposure], rule: Preset, others: _Others) -> Contact | None:
    """What a rule makes of one person's exposures; None for somebody who was certainly no contact."""
    least, minutes, most = (_busiest(facts, rule, bound) for bound in Bound)
    enough = rule.minutes - _SAME
    counts = minutes[0] >= enough
    alone = most[0] >= enough
    if not alone and _busiest([*facts, *others.facts], rule, Bound.MOST)[0] < enough:
        return None
    shown, span = (Bound.MEASURED, minutes[1:]) if counts else (Bound.MOST, most[1:])
    chosen = tuple(one for one in _ordered(facts) if share(one, rule, shown) > 0 and overlaps(one, *span))
    if not chosen:
        return None
    within = partial(_minutes, share_of=partial(share, rule=rule, bound=shown), span=span)
    uncertain = least[0] < enough
    return Contact(
        pseudonym=chosen[0].pseudonym,
        preset=rule.name,
        minutes=minutes[0],
        least_minutes=least[0],
        most_minutes=most[0],
        unknown_minutes=within([one for one in chosen if rule.masks_protect and one.mask_unknown]),
        indoor_minutes=within([one for one in chosen if one.indoor]),
        nearest_m=min((one.min_distance_m for one in chosen if one.min_distance_m is not None), default=None),
        counts=counts,
        uncertain=uncertain,
        because=_because(chosen, rule, alone) if uncertain else (),
        confidence=min(one.confidence for one in chosen),
        perhaps=others.pseudonyms,
        exposures=chosen,
    )


def _because(chosen: Iterable[Exposure], rule: Preset, alone: bool) -> tuple[str, ...]:
    """What would settle it: a distance measured better, a mask seen, a person followed from one name to the next."""
    found = set() if alone else {ANOTHER_NAME}
    for one in chosen:
        if one.min_distance_m is None:
            found.add(NO_DISTANCE)
        elif share(one, rule, Bound.MOST) > share(one, replace(rule, masks_protect=False), Bound.LEAST):
            found.add(DISTANCE)
        if rule.masks_protect and one.mask_unknown:
            found.add(MASK)
    return tuple(sorted(found))


def _busiest(facts: Sequence[Exposure], rule: Preset, bound: Bound) -> tuple[float, float, float]:
    span_s = None if rule.within is None else rule.within / timedelta(seconds=1)
    return Together.of(facts, partial(share, rule=rule, bound=bound)).busiest(span_s)


def _minutes(facts: Sequence[Exposure], share_of: Callable[[Exposure], float], span: tuple[float, float]) -> float:
    start, end = (np.array([moment]) for moment in span)
    return float(Together.of(facts, share_of).between(start, end)[0])


def _ordered(facts: Iterable[Exposure]) -> list[Exposure]:
    return sorted(facts, key=lambda one: (one.start, one.end, one.place.camera))


@dataclass(frozen=True, slots=True)
class _Others:
    """Other pseudonyms that may hide the same person, and their exposures."""

    pseudonyms: tuple[str, ...] = ()
    facts: tuple[Exposure, ...] = ()


def _others(of_person: Mapping[str, Sequence[Exposure]]) -> dict[str, _Others]:
    """By pseudonym, all others that may be the same person."""
    found: dict[str, _Others] = {}
    for name, group in perhaps_one(of_person).items():
        others = tuple(sorted(group - {name}))
        found[name] = _Others(others, tuple(one for other in others for one in of_person[other]))
    return found
