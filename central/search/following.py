"""Follows whom candidates met from one broken track to the next within an epoch: the same spot, at once, alike.

Somebody who sits and is followed as three tracks, one of them without a face, would be three people with a third of the
minutes each. Needs no key, as faces do not (people.py): codes of one epoch can be compared with each other. Only those
who stayed are followed, because a position stands for a whole track; and nobody over an hour's border.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field, fields

import numpy as np
import numpy.typing as npt

from central.search.candidates import NOBODY
from central.search.joining import Held
from central.search.kernel import UInt8, distances
from central.search.people import Int64, People
from shared.sightings import HAS_APPEARANCE, HAS_FACE, NOWHERE

STAYED_MS = 30_000  # walkers are gone by then
GAP_MS = 30_000  # within which somebody is seen again
OVERLAP_MS = 1_000  # by which two tracks of one person may overlap
SAME_SPOT_CM = 100  # two positions with a standard error of 30 cm each way differ by more in 6 % of cases
# Of 512 bits. A veto, no more: mnv2-stripes-1 tells people badly apart, 167 bits for one and 179 for two in the mean.
CLOTHES_ALIKE = 190
# Of 1,024 bits, where two people differ in about 502, and one on two poor pictures in 400: beyond it faces are two.
FACES_APART = 440
CROWD = 64  # whoever leaves when so many come before one camera is not followed
KEY_BITS = 58  # of a sighting's key, below its case: 32 cases, and fewer boots in a cell than 2²⁶


@dataclass(frozen=True, slots=True, eq=False)
class Met:
    """Sightings that candidates met, each once a case, a row each.

    `kind` is the epoch and the models, `view` the camera and its boot; times in Unix milliseconds, places in
    centimetres. `can` says who stayed, at a known place: only their codes are looked at. `person` is the number by the
    face, or NOBODY."""

    case: Int64
    kind: Int64
    view: Int64
    key: Int64
    start: Int64
    end: Int64
    place: Int64
    can: npt.NDArray[np.bool_]
    has: npt.NDArray[np.bool_]  # [n, 2], a face and clothes
    face: UInt8 = field(repr=False)
    clothes: UInt8 = field(repr=False)
    person: Int64

    def __len__(self) -> int:
        return len(self.key)

    def of(self, rows: npt.NDArray[np.intp] | npt.NDArray[np.bool_]) -> Met:
        return Met(*(getattr(self, one.name)[rows] for one in fields(self)))

    def and_then(self, other: Met) -> Met:
        return Met(*(np.concatenate([getattr(self, one.name), getattr(other, one.name)]) for one in fields(self)))


class Following:
    """What was answered of a cell, as long as somebody of the same epoch may still come."""

    def __init__(self) -> None:
        self._met: Met | None = None

    def number(self, met: Met, people: People, known: dict[int, int], lasting: Collection[int]) -> Int64:
        """The person in each. `known` are how many of each case were numbered before these: their numbers were
        answered, as NOBODY was, and stay. Of the kinds that are `lasting` more will come."""
        earlier, person = self._met, met.person.copy()
        fresh = np.ones(len(met), np.bool_)
        if earlier is not None:
            fresh, at = _not_in(earlier, met)
            person[~fresh] = earlier.person[at[~fresh]]
        new, answered = met.of(fresh), 0 if earlier is None else len(earlier)
        both = new if earlier is None else earlier.and_then(new)
        links = list(_links(both))
        if links:
            both.person[:] = _Joining(both, answered, known, people).person(links)
        person[fresh] = both.person[answered:]
        keep = np.isin(both.kind, list(lasting))
        self._met = both.of(keep) if keep.any() else None
        return person

    def forget(self, case: int) -> None:
        """What is known of one case's."""
        self._met = self._met and self._met.of(self._met.case != case)


def _not_in(earlier: Met, met: Met) -> tuple[npt.NDArray[np.bool_], Int64]:
    """Who was not answered earlier, and where the others were."""
    before, names = (one.case << KEY_BITS | one.key for one in (earlier, met))
    order = np.argsort(before)
    at = order[np.searchsorted(before[order], names).clip(max=len(order) - 1)]
    return before[at] != names, at


def _links(met: Met) -> Iterator[tuple[int, int]]:
    """Rows that follow each other, where it is clear on both sides: nobody else left the spot, and nobody else came."""
    rows = np.flatnonzero(met.can)
    if len(rows) < 2:
        return
    groups = np.unique(np.stack([met.case, met.kind, met.view])[:, rows], axis=1, return_inverse=True)[1].ravel()
    span = int(met.end[rows].max() - met.start[rows].min()) + GAP_MS + OVERLAP_MS + 2
    behind = groups * span - int(met.start[rows].min())
    order = np.argsort(met.start[rows] + behind, kind="stable")
    starts, ends = (met.start[rows] + behind)[order], (met.end[rows] + behind)[order]
    first = np.searchsorted(starts, ends - OVERLAP_MS, "left")
    many = np.searchsorted(starts, ends + GAP_MS, "right") - first
    many[many > CROWD] = 0
    left = np.repeat(np.arange(len(order)), many)
    came = np.repeat(first - (np.cumsum(many) - many), many) + np.arange(many.sum())
    a, b = rows[order[left]], rows[order[came]]
    kept = (met.end[b] > met.end[a]) & (met.start[b] > met.start[a]) & (met.key[a] != met.key[b])
    a, b = a[kept], b[kept]
    kept = _alike(met, a, b)
    a, b = a[kept], b[kept]
    leaving, coming = Counter(a.tolist()), Counter(b.tolist())
    for one, other in sorted(zip(a.tolist(), b.tolist(), strict=True), key=lambda pair: int(met.start[pair[1]])):
        if leaving[one] == coming[other] == 1:
            yield one, other


def _alike(met: Met, a: Int64, b: Int64) -> npt.NDArray[np.bool_]:
    """Whether two may be one: at the same spot, and neither clothes nor faces say otherwise."""
    apart = met.place[a] - met.place[b]
    alike = (apart**2).sum(axis=1) <= SAME_SPOT_CM**2
    for at, (codes, most) in enumerate(((met.face, FACES_APART), (met.clothes, CLOTHES_ALIKE))):
        differ = np.bitwise_count(codes[a] ^ codes[b]).sum(axis=1, dtype=np.int32)
        alike &= (differ <= most) | ~(met.has[a, at] & met.has[b, at])
    return np.asarray(alike)


class _Joining:
    """Makes people of linked rows: two become one unless both were answered already, or are certainly two."""

    def __init__(self, met: Met, answered: int, known: dict[int, int], people: People) -> None:
        self._met, self._answered, self._known, self._people = met, answered, known, people
        # Who has no number stands for itself, below NOBODY.
        self._of = np.where(met.person == NOBODY, -2 - np.arange(len(met)), met.person)
        self._rows: dict[tuple[int, int], list[int]] = defaultdict(list)

    def person(self, links: list[tuple[int, int]]) -> Int64:
        concerned = np.isin(self._of, self._of[np.array(links).ravel()])
        for at in np.flatnonzero(concerned).tolist():
            self._rows[int(self._met.case[at]), int(self._of[at])].append(at)
        for a, b in links:
            self._link(a, b)
        return np.where(self._of < NOBODY, NOBODY, self._of)

    def _link(self, a: int, b: int) -> None:
        case = int(self._met.case[a])
        numbers = [int(self._of[row]) for row in (a, b)]
        one, other = (np.array(self._rows[case, number]) for number in numbers)
        fixed = [self._is_fixed(case, some) for some in (one, other)]
        if numbers[0] == numbers[1] or all(fixed) or self._are_two(one, other):
            return
        if fixed[0] or fixed[1]:
            kept = numbers[fixed.index(True)]
        else:
            kept = min((number for number in numbers if number >= 0), default=NOBODY)
        if kept == NOBODY:
            kept = self._people.another(case)
        elif kept < NOBODY:  # answered as nobody, and nobody may join it
            return
        for number in numbers:
            if number >= 0 and number != kept:
                self._people.rename(case, number, kept)
        both = [*self._rows.pop((case, numbers[0])), *self._rows.pop((case, numbers[1]))]
        self._rows[case, kept], self._of[both] = both, kept

    def _is_fixed(self, case: int, rows: Int64) -> bool:
        number = int(self._of[rows[0]])
        return number < self._known.get(case, 0) if number >= 0 else bool((rows < self._answered).any())

    def _are_two(self, one: Int64, other: Int64) -> bool:
        """Whether they were there at once, or their faces, in the mean, are two people's: somebody without a face
        between two who are not alike does not make them one."""
        met = self._met
        shown, others = (met.face[rows[met.has[rows, 0]]] for rows in (one, other))
        if len(shown) and len(others) and distances(shown, others).mean() > FACES_APART:
            return True
        begin = np.maximum(met.start[one][:, None], met.start[other])
        until = np.minimum(met.end[one][:, None], met.end[other])
        return bool(((until - begin > OVERLAP_MS) & (met.view[one][:, None] == met.view[other])).any())


def seen_again(held: Held, row: Int64, case: Int64, kind: Int64, camera: Callable[[], Int64]) -> Met:
    """What is known of sightings that were met, before anybody is numbered; codes are read of those who need them."""
    start, end = held.moment("start", row), held.moment("end", row)
    east, north = held.at("east", row), held.at("north", row)
    has = held.at("flags", row)[:, None] & np.array([HAS_FACE, HAS_APPEARANCE]) != 0
    can = (end - start >= STAYED_MS) & (east != NOWHERE)
    view = np.zeros(len(row), np.int64)
    if can.any():
        view = held.boots[held.batch[row]] << 32 | camera()[row]
    return Met(
        case, kind, view, held.key[row], start, end, np.stack([east, north], axis=1).astype(np.int64), can, has,
        held.codes("face", row, has[:, 0]), held.codes("appearance", row, has[:, 1] & can),
        np.full(len(row), NOBODY, np.int64),
    )  # fmt: skip
