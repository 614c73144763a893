"""The patients of a scenario: what is asked and what is true, each entry checked and named when it is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from central.replay.scenario import Patient, Statement
from central.replay.tables import BadScenario, bad, moment, read_json
from shared.epochs import Modality
from shared.errors import BadInput

MOST_FACES = 16  # as many as a template may hold


@dataclass(frozen=True, slots=True)
class Known:
    """What patients may refer to: the scenario's time, its sightings by name, and how many vectors there are."""

    start: datetime
    end: datetime
    sightings: Mapping[str, int]
    references: int
    appearances: int


def read_patients(path: Path, known: Known) -> tuple[Patient, ...]:
    """Raises BadScenario with the number of the entry, counted from 1."""
    value = read_json(path)
    if not isinstance(value, list):
        raise bad(path, "is no list", "write a list of patients")
    patients = tuple(_numbered(path, at, entry, known) for at, entry in enumerate(value, 1))
    names = [patient.patient for patient in patients]
    for at, name in enumerate(names, 1):
        if name in names[: at - 1]:
            raise bad(path, f"entry {at}: patient_id {name[:40]!r} stands twice", "give each patient a name of its own")
    return patients


def _numbered(path: Path, at: int, entry: Any, known: Known) -> Patient:
    try:
        return _patient(entry, known)
    except BadScenario:
        raise
    except BadInput as error:
        raise bad(path, f"entry {at}: {error.message}", error.hint or "see the format") from None
    except KeyError as error:
        raise bad(path, f"entry {at}: lacks {error.args[0]}", "see the format") from None
    except (TypeError, ValueError, AttributeError):
        raise bad(path, f"entry {at}: a value has the wrong type", "see the format") from None


def _patient(entry: dict[str, Any], known: Known) -> Patient:
    name, picture = entry["patient_id"], entry["appearance"]
    if not isinstance(name, str) or not name:
        raise BadInput("patient_id is no name", hint="write a text that is not empty")
    consent = tuple(entry["consent"])
    if not set(consent) <= {modality.value for modality in Modality} or len(set(consent)) < len(consent):
        raise BadInput("consent names an unknown scope", hint="list face, appearance, both or none")
    faces = tuple(_row(row, known.references, "faces") for row in entry["faces"])
    if len(faces) > MOST_FACES or (Modality.FACE.value in consent and not faces):
        raise BadInput(f"faces lists {len(faces)} rows", hint=f"list 1 to {MOST_FACES} rows of reference_faces.npy")
    return Patient(
        patient=name,
        faces=faces,
        appearance=None if picture is None else _row(picture, known.appearances, "appearance"),
        consent=consent,
        window=_span(entry["window"], known),
        testimony=tuple(_statement(statement) for statement in entry["testimony"]),
        truth=_named(entry["truth_sightings"], known),
        contacts={str(preset): _people(people, known) for preset, people in entry["truth_contacts"].items()},
    )


def _row(value: Any, count: int, what: str) -> int:
    if type(value) is not int or not 0 <= value < count:
        raise BadInput(f"{what} points at no row", hint=f"use 0 to {count - 1}")
    return value


def _span(value: Any, known: Known) -> tuple[datetime, datetime]:
    start, end = _times(*value)
    if start < known.start or end > known.end:
        raise BadInput("the window reaches outside the scenario", hint="narrow it to start and end of scenario.json")
    return start, end


def _times(first: Any, last: Any) -> tuple[datetime, datetime]:
    try:
        start, end = moment(first), moment(last)
    except ValueError:
        raise BadInput("a time cannot be read", hint="write ISO-8601 in UTC, such as 2026-11-24T09:00:00Z") from None
    if start >= end:
        raise BadInput("a time span is empty", hint="let it end after it starts")
    return start, end


def _statement(value: dict[str, Any]) -> Statement:
    latitude, longitude = float(value["latitude"]), float(value["longitude"])
    if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
        raise BadInput("a testimony is nowhere on earth", hint="latitude and longitude in degrees")
    return Statement(latitude, longitude, *_times(value["start"], value["end"]))


def _people(people: list[list[str]], known: Known) -> tuple[frozenset[int], ...]:
    found = tuple(_named(names, known) for names in people)
    if not all(found):
        raise BadInput("a true contact has no sighting", hint="list the sightings of each, or leave the person out")
    return found


def _named(names: list[str], known: Known) -> frozenset[int]:
    if not isinstance(names, list):
        raise BadInput("sightings are no list", hint="list names of sightings.csv")
    for name in names:
        if name not in known.sightings:
            raise BadInput(f"{str(name)[:40]!r} is no sighting", hint="list names of sightings.csv")
    return frozenset(known.sightings[name] for name in names)
