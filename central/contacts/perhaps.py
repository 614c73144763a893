"""Two pseudonyms that may hide one person: somebody's place was taken by somebody else as good as at once.

A pseudonym ends with the hour of its key, and with a track on which no face was seen. Nobody is followed further, and
no minutes are added up; but where one left and another came within half a minute, equally far from the patient, and
nobody else did, a tracer is told.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import combinations
from typing import Final

from central.contacts.facts import Exposure

GAP: Final = timedelta(seconds=30)
STAYED: Final = timedelta(minutes=2)  # walkers come and go at one distance all the time
_LEAST_APART_M = 0.3


def perhaps_one(of_person: Mapping[str, Sequence[Exposure]]) -> dict[str, frozenset[str]]:
    """By pseudonym, all that may be the same person, itself included."""
    group_of = {name: frozenset({name}) for name in of_person}
    for one, other in _taken_over(fact for facts in of_person.values() for fact in facts):
        joined = group_of[one] | group_of[other]
        if not _together(joined, of_person):
            group_of.update(dict.fromkeys(joined, joined))
    return group_of


def _taken_over(facts: Iterable[Exposure]) -> list[tuple[str, str]]:
    """Who left and who came, where it is clear on both sides."""
    at: dict[str, list[Exposure]] = defaultdict(list)
    for one in facts:
        if one.end - one.start >= STAYED and one.min_distance_m is not None:
            at[one.place.camera].append(one)
    pairs = [pair for there in at.values() for pair in _following(sorted(there, key=lambda one: one.start))]
    left, came = (Counter(id(pair[side]) for pair in pairs) for side in (0, 1))
    clear = [(a, b) for a, b in pairs if left[id(a)] == came[id(b)] == 1]
    return sorted((a.pseudonym, b.pseudonym) for a, b in clear)


def _following(there: Sequence[Exposure]) -> Iterator[tuple[Exposure, Exposure]]:
    """Exposures at one camera, in order of start: each with those of others that began soon after it ended."""
    starts = [one.start for one in there]
    for one in there:
        for other in there[bisect_right(starts, one.end) : bisect_right(starts, one.end + GAP)]:
            if one.pseudonym != other.pseudonym and _as_far(one, other):
                yield one, other


def _as_far(one: Exposure, other: Exposure) -> bool:
    if one.min_distance_m is None or other.min_distance_m is None:
        return False
    most = max(one.distance_error_m + other.distance_error_m, _LEAST_APART_M)
    return abs(one.min_distance_m - other.min_distance_m) <= most


def _together(names: Iterable[str], of_person: Mapping[str, Sequence[Exposure]]) -> bool:
    """Whether two of them were there at once: then they are two people."""
    facts = [fact for name in names for fact in of_person[name]]
    return any(a.pseudonym != b.pseudonym and a.start < b.end and b.start < a.end for a, b in combinations(facts, 2))
