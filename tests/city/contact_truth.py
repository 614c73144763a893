"""Who truly was a contact of a patient, from true distances and masks; the presets' words in code of our own.

KDCA 2022-01: within 2 m for 15 minutes in all, counting while either wears no mask, or wears it wrongly.
CDC 2020-10-21: within 6 feet for 15 minutes in any 24 hours, masks or not. WHO 2021: within 1 m for 15 minutes in all.
Deliberately apart from central/contacts: what is judged must not be its own judge.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from shared.face_mask import FaceMask
from tests.city.meetings import Meetings, within
from tests.city.streets import Ints
from tests.city.tracks import Tracks

_LONG_ENOUGH_S = 15 * 60
_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Rule:
    """Near enough, whether masks are looked at, and the seconds within which occasions add up."""

    metres: float
    masks_count: bool
    span_s: float = math.inf


RULES: Mapping[str, Rule] = {
    "kdca-2022-01": Rule(2.0, masks_count=True),
    "cdc-2020-10": Rule(1.83, masks_count=False, span_s=_DAY_S),
    "who-2021": Rule(1.0, masks_count=False),
}


def true_contacts(tracks: Tracks, met: Meetings, patient: int) -> dict[str, dict[int, Ints]]:
    """By preset, each contact person and their tracks that count."""
    own = (tracks.person[met.a] == patient) | (tracks.person[met.b] == patient)
    theirs = met.take(own)
    swap = tracks.person[theirs.b] == patient
    patients, others = np.where(swap, theirs.b, theirs.a), np.where(swap, theirs.a, theirs.b)
    return {preset: _by_rule(tracks, patients, others, rule) for preset, rule in RULES.items()}


def _by_rule(tracks: Tracks, patients: Ints, others: Ints, rule: Rule) -> dict[int, Ints]:
    start, end, _ = within(tracks, patients, others, rule.metres)
    counts = end > start
    if rule.masks_count:
        free = [FaceMask.INCORRECT, FaceMask.ABSENT]
        counts &= np.isin(tracks.mask[patients], free) | np.isin(tracks.mask[others], free)
    spells: dict[int, list[tuple[float, float, int]]] = defaultdict(list)
    for k in np.flatnonzero(counts):
        spells[int(tracks.person[others[k]])].append((float(start[k]), float(end[k]), int(others[k])))
    found = {person: _enough(sorted(of_person), rule) for person, of_person in sorted(spells.items())}
    return {person: np.array(sorted(set(rows)), np.int64) for person, rows in found.items() if rows}


def _enough(spells: list[tuple[float, float, int]], rule: Rule) -> list[int]:
    """The tracks of spells that lie in a stretch of time with 15 minutes of nearness, or nothing."""
    rows: list[int] = []
    for i in range(len(spells)):
        stretch = _stretch(spells, i, rule)
        if sum(end - start for start, end, _ in stretch) >= _LONG_ENOUGH_S:
            rows += [row for _, _, row in stretch]
    return rows


def _stretch(spells: list[tuple[float, float, int]], i: int, rule: Rule) -> list[tuple[float, float, int]]:
    """From spell i on, all that end within the rule's span. What two cameras saw at once counts once."""
    stretch, reached = [spells[i]], spells[i][1]
    for start, end, row in spells[i + 1 :]:
        if end > spells[i][0] + rule.span_s:
            break
        stretch.append((min(max(start, reached), end), end, row))
        reached = max(reached, end)
    return stretch
