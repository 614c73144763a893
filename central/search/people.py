"""Numbers those whom candidates met, so that minutes with one person can be added up. Nothing but numbers comes out.

Needs no key: codes of one epoch can be compared with each other, and those of different epochs cannot.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from central.search.kernel import UInt8, distances

Int64 = npt.NDArray[np.int64]
# An angle of 62°, a cosine of 0.47, of 1,024 bits. Stricter than a search: no tracer looks at these pairs, and two
# people taken for one would be given each other's minutes, while one taken for two is still listed twice.
LOOKS_ALIKE = 352


_KIND_BITS = 40


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """Sightings with a face, each once a case: `key` names one within its cell, `kind` the epoch and model of its code,
    `codes` are uint8[n, b]."""

    case: Int64
    kind: Int64
    key: Int64
    codes: UInt8 = field(repr=False)

    def __len__(self) -> int:
        return len(self.case)


@dataclass(slots=True)
class _Gallery:
    """Codes of one epoch and model with the person that each was taken for, for one case."""

    codes: list[UInt8] = field(default_factory=list)
    people: list[int] = field(default_factory=list)
    known: dict[int, int] = field(default_factory=dict)

    def nearest(self, code: UInt8) -> int | None:
        if not self.codes:
            return None
        differ = distances(code[None], np.stack(self.codes))[:, 0]
        people = np.array(self.people)
        # The mean over all of a person's sightings: one that lies between two people does not make them one.
        means = {person: float(differ[people == person].mean()) for person in set(self.people)}
        best = min(means, key=lambda person: (means[person], person))
        return best if means[best] <= LOOKS_ALIKE else None

    def add(self, key: int, code: UInt8, person: int) -> None:
        self.codes.append(code.copy())  # a view would keep all the others in memory
        self.people.append(person)
        self.known[key] = person


class People:
    """Strangers of one cell, numbered from 0 for each case; a number is never used for two epochs.

    Most of those who were met by look-alikes of a patient look like nobody else who was, and are numbered together;
    only where two of an epoch are alike is each compared with those before it.
    """

    def __init__(self) -> None:
        self._galleries: dict[tuple[int, int], _Gallery] = defaultdict(_Gallery)
        self._counts: dict[int, int] = defaultdict(int)

    def number(self, asked: Asked, lasting: Collection[int]) -> Int64:
        """The person in each: the same as another's if on average they differ little. Of the kinds that are `lasting`
        more will be asked for."""
        person = np.full(len(asked), -1, np.int64)
        if not len(asked):
            return person
        one_by_one = self._one_by_one(asked)
        for case in np.unique(asked.case[~one_by_one]).tolist():
            new = np.flatnonzero(~one_by_one & (asked.case == case))
            person[new] = self._counts[case] + np.arange(len(new))
            self._counts[case] += len(new)
        for at in np.flatnonzero(one_by_one).tolist():
            gallery = self._galleries[int(asked.case[at]), int(asked.kind[at])]
            person[at] = self._of(int(asked.case[at]), gallery, int(asked.key[at]), asked.codes[at])
        for at in np.flatnonzero(~one_by_one & np.isin(asked.kind, list(lasting))).tolist():
            gallery = self._galleries[int(asked.case[at]), int(asked.kind[at])]
            gallery.add(int(asked.key[at]), asked.codes[at], int(person[at]))
        self._keep({place for place in self._galleries if place[1] in lasting})
        return person

    @property
    def counts(self) -> dict[int, int]:
        """How many were numbered, by case."""
        return dict(self._counts)

    def another(self, case: int) -> int:
        """The next number of a case, for somebody who is told apart by something else than a face."""
        self._counts[case] += 1
        return self._counts[case] - 1

    def rename(self, case: int, number: int, kept: int) -> None:
        """Two numbers of a case turned out to be one person's; the first was not answered yet."""
        for place, gallery in self._galleries.items():
            if place[0] == case:
                gallery.people = [kept if one == number else one for one in gallery.people]
                gallery.known = {key: kept if one == number else one for key, one in gallery.known.items()}

    def forget(self, case: int) -> None:
        """What is known of one case's."""
        self._keep({place for place in self._galleries if place[0] != case})

    def _keep(self, places: set[tuple[int, int]]) -> None:
        self._galleries = defaultdict(_Gallery, {place: self._galleries[place] for place in places})

    def _one_by_one(self, asked: Asked) -> npt.NDArray[np.bool_]:
        """Who shares case and kind with a pair that looks alike, or with somebody who was numbered before."""
        groups, group = np.unique(asked.case << _KIND_BITS | asked.kind, return_inverse=True)
        places = zip((groups >> _KIND_BITS).tolist(), (groups & (2**_KIND_BITS - 1)).tolist(), strict=True)
        slow = np.array([place in self._galleries for place in places], np.bool_)
        order = np.argsort(group, kind="stable")
        slow[_with_pairs(group[order], asked.codes[order])] = True
        return np.asarray(slow[group])

    def _of(self, case: int, gallery: _Gallery, key: int, code: UInt8) -> int:
        if key not in gallery.known:
            person = gallery.nearest(code)
            if person is None:
                person = self._counts[case]
                self._counts[case] += 1
            gallery.add(key, code, person)
        return gallery.known[key]


def _with_pairs(group: Int64, codes: UInt8) -> Int64:
    """Which groups hold two codes that look alike; those of a group stand together."""
    words, found = np.ascontiguousarray(codes).view(np.uint64), [np.empty(0, np.int64)]
    for apart in range(1, int(np.bincount(group).max())):
        first = np.flatnonzero(group[apart:] == group[:-apart])
        differ = np.bitwise_count(words[first] ^ words[first + apart]).sum(axis=1, dtype=np.int32)
        found.append(group[first[differ <= LOOKS_ALIKE]])
    return np.unique(np.concatenate(found))
