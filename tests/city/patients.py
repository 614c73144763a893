"""The patients of a scenario: whom we follow, what they consented to and say, and the truth to score against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tests.city.cameras import Cameras, to_degrees
from tests.city.contact_truth import true_contacts
from tests.city.meetings import Meetings
from tests.city.plan import CityPlan
from tests.city.streets import Floats, Ints
from tests.city.tracks import Tracks
from tests.city.watching import Sightings

_FEWEST_SIGHTINGS = 8
_FALSE_STATEMENT_M = 1500.0
_ROUNDED_S = 300.0


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """Everything about tracks that choosing patients needs."""

    plan: CityPlan
    cameras: Cameras
    tracks: Tracks
    met: Meetings
    sightings: Sightings


@dataclass(frozen=True, slots=True)
class Statement:
    """Where a patient says to have been, in degrees, from when to when, seconds since the plan's start."""

    latitude: float
    longitude: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Patient:
    """`sightings` are the rows that are truly theirs; `contacts` by preset the rows of each contact person."""

    person: int
    full_length_picture: bool
    testimony: tuple[Statement, ...]
    sightings: tuple[int, ...]
    contacts: dict[str, tuple[tuple[int, ...], ...]]


def choose_patients(seen: Seen) -> tuple[Patient, ...]:
    """Random people who were sighted at least eight times, or the most often sighted where there are too few."""
    plan = seen.plan
    counts = np.bincount(seen.sightings.person, minlength=plan.people)
    order = np.argsort(-counts, kind="stable")
    enough = max(plan.patients, int((counts >= _FEWEST_SIGHTINGS).sum()))
    chosen = plan.random("patients").choice(order[:enough], min(plan.patients, plan.people), replace=False)
    row = np.full(len(seen.tracks), -1)
    row[seen.sightings.track] = np.arange(len(seen.sightings))
    return tuple(_patient(seen, int(person), row) for person in np.sort(chosen))


def look_alikes(plan: CityPlan, patients: Sequence[int]) -> list[tuple[int, int]]:
    """(person, patient whom they resemble): other people, chosen at random, each resembling one patient."""
    others = np.setdiff1d(np.arange(plan.people), patients)
    wanted = min(plan.look_alikes * len(patients), len(others))
    picked = plan.random("look-alikes").choice(others, wanted, replace=False)
    return [(int(person), patients[k % len(patients)]) for k, person in enumerate(picked)]


def _patient(seen: Seen, person: int, row: Ints) -> Patient:
    random = seen.plan.random("patient", person)
    contacts = true_contacts(seen.tracks, seen.met, person)
    return Patient(
        person=person,
        full_length_picture=bool(random.random() < 0.5),
        testimony=testimony(seen.plan, seen.cameras, seen.tracks.take(seen.tracks.person == person), random),
        sightings=tuple(int(k) for k in np.flatnonzero(seen.sightings.person == person)),
        contacts={preset: _sighted(row, of_preset) for preset, of_preset in contacts.items()},
    )


def _sighted(row: Ints, of_preset: dict[int, Ints]) -> tuple[tuple[int, ...], ...]:
    """The sightings of each contact person's tracks; a person of whom all were missed cannot be named."""
    found = [tuple(int(row[track]) for track in of_person if row[track] >= 0) for of_person in of_preset.values()]
    return tuple(rows for rows in found if rows)


def testimony(plan: CityPlan, cameras: Cameras, own: Tracks, random: np.random.Generator) -> tuple[Statement, ...]:
    """Of somebody with these tracks: two true statements, rounded as people do, and a false one: a true time, at a
    place far from the truth."""
    longest = np.argsort(own.start - own.end, kind="stable")[:2]
    away = random.normal(0, 1, 2)
    false = away / np.linalg.norm(away) * _FALSE_STATEMENT_M
    statements = [_statement(plan, cameras, own.take(longest[k : k + 1]), np.zeros(2)) for k in range(len(longest))]
    statements += [_statement(plan, cameras, own.take(np.arange(1)), false)] if len(own) else []
    return tuple(sorted(statements, key=lambda statement: statement.start))


def _statement(plan: CityPlan, cameras: Cameras, one: Tracks, aside: Floats) -> Statement:
    xy = cameras.xy[one.camera[0]] + one.place[0] + aside
    latitude, longitude = to_degrees(plan, xy)
    start = float(np.floor(one.start[0] / _ROUNDED_S)) * _ROUNDED_S
    end = max(float(np.round(one.end[0] / _ROUNDED_S)) * _ROUNDED_S, start + _ROUNDED_S)
    return Statement(round(float(latitude), 5), round(float(longitude), 5), start, min(end, plan.seconds))
