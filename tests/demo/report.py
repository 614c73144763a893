"""Compares what the centre found with what really happened, in a table that a newcomer can read."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from central.contacts.presets import load_preset
from tests.demo.script import PATIENT, Passage, Place, places, truth
from tests.demo.tracing import Found
from tests.demo.walkers import Walk


@dataclass(frozen=True, slots=True)
class Line:
    """One passage of the patient, and the visits of the route that fall into it."""

    passage: Passage
    visits: tuple[dict[str, Any], ...]

    @property
    def found(self) -> bool:
        return bool(self.visits)

    @property
    def mask_right(self) -> bool:
        label = "worn" if self.passage.masked else "absent"
        return all(visit["candidate"]["mask"] == label for visit in self.visits)


@dataclass(frozen=True, slots=True)
class Comparison:
    """The route beside the truth; `invented` are visits where the patient never was."""

    lines: tuple[Line, ...]
    invented: tuple[dict[str, Any], ...]
    in_order: bool
    contacts: dict[str, tuple[list[str], list[str]]]  # by preset: the cameras of real contacts, and of those found

    @property
    def faults(self) -> list[str]:
        """What differs from the truth, in words; empty when all is right."""
        missed = [f"the route misses {line.passage.camera}" for line in self.lines if not line.found]
        masks = [f"the face mask at {line.passage.camera} is wrong" for line in self.lines if not line.mask_right]
        invented = [f"the patient was never at {visit['candidate']['camera']} then" for visit in self.invented]
        contacts = [
            f"{preset}: contacts at {found or 'no camera'}, really at {really or 'none'}"
            for preset, (really, found) in self.contacts.items()
            if really != found
        ]
        order = [] if self.in_order else ["the places are in a wrong order"]
        return missed + masks + invented + order + contacts


def compare(found: Found, hour: datetime) -> Comparison:
    """Every visit is put to the passage that it overlaps at the same camera."""
    passages = [passage for passage in truth(hour) if passage.person == PATIENT]
    visits = list(found.route["visits"])
    lines = tuple(Line(p, tuple(v for v in visits if overlaps(v["candidate"], p))) for p in passages)
    matched = [visit for line in lines for visit in line.visits]
    invented = tuple(visit for visit in visits if visit not in matched)
    order = [camera for camera, _ in groupby(v["candidate"]["camera"] for v in visits if v not in invented)]
    in_order = order == [line.passage.camera for line in lines if line.found]
    contacts = {
        preset: (sorted(camera for camera, _ in close(preset)), sorted(main_camera(row) for row in rows))
        for preset, rows in found.contacts.items()
    }
    return Comparison(lines, invented, in_order, contacts)


def main_camera(contact: dict[str, Any]) -> str:
    """Where most of a contact's minutes were."""
    minutes: Counter[str] = Counter()
    for exposure in contact["exposures"]:
        minutes[str(exposure["camera"])] += exposure["minutes"]
    return minutes.most_common(1)[0][0]


def close(preset: str) -> list[tuple[str, str]]:
    """(camera, person) of everybody who really was a contact of the patient by a preset."""
    rule = load_preset(preset)
    found = []
    for place in places():
        patient = next((walk for walk in place.film.walks if walk.person.name == PATIENT), None)
        for other in place.film.walks if patient else ():
            if patient and other is not patient:
                shielded = rule.masks_protect and patient.masked and other.masked
                near = [d for d in _distances(place, patient, other) if rule.near(d)]
                if not shielded and len(near) / 60 >= rule.minutes:
                    found.append((place.camera, other.person.name))
    return found


def _distances(place: Place, a: Walk, b: Walk) -> list[float]:
    """Metres between two walkers, once a second, while both are there."""
    seconds = range(math.ceil(place.film.seconds))
    pairs = [(p, q) for t in seconds if (p := a.where(t)) and (q := b.where(t))]
    return [math.hypot(p.right_m - q.right_m, p.ahead_m - q.ahead_m) for p, q in pairs]


def overlaps(seen: Mapping[str, Any], passage: Passage) -> bool:
    """Whether a sighting is at the passage's camera and time."""
    start, end = (datetime.fromisoformat(seen[name]) for name in ("start", "end"))
    slack = timedelta(seconds=2)
    return bool(seen["camera"] == passage.camera and start < passage.end + slack and end > passage.start - slack)


def table(comparison: Comparison) -> str:
    """Route beside truth."""
    words = {place.camera: place.words for place in places()}
    rows: list[tuple[str, ...]] = [("really there", "place", "face mask", "found by the route", "mask seen", "sure")]
    rows += [_row(line, words) for line in comparison.lines]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    drawn = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([drawn[0], "─" * (sum(widths) + 2 * len(widths) - 2), *drawn[1:]])


def _row(line: Line, words: dict[str, str]) -> tuple[str, ...]:
    passage = line.passage
    really = (_span(passage.start, passage.end), words[passage.camera], "yes" if passage.masked else "no")
    if not line.found:
        return (*really, "— missed", "", "")
    spans = [_span(*(datetime.fromisoformat(v["candidate"][n]) for n in ("start", "end"))) for v in line.visits]
    masks = sorted({str(visit["candidate"]["mask"]) for visit in line.visits})
    sure = min(float(visit["confidence"]) for visit in line.visits)
    return (*really, ", ".join(spans), "/".join(masks), f"{sure:.0%}")


def _span(start: datetime, end: datetime) -> str:
    return f"{start:%H:%M:%S}–{end:%H:%M:%S}"


def contact_lines(found: Found) -> Sequence[str]:
    """Contacts by preset, in words."""
    lines = []
    words = {place.camera: place.words for place in places()}
    for preset, rows in found.contacts.items():
        said = [
            f"{row['pseudonym']}, {words.get(main_camera(row), '?')}, {row['minutes']:.0f} min, "
            f"nearest {row['nearest_m']:.1f} m"
            for row in rows
        ]
        lines.append(f"  {preset:14s} {'; '.join(said) or 'nobody'}")
    return lines
