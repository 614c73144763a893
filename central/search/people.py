"""Numbers those whom a candidate met, so that minutes with one person can be added up. Nothing but numbers comes out.

Needs no key: codes of one epoch can be compared with each other, and those of different epochs cannot.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from central.search.kernel import UInt8, distances
from shared.epochs import Epoch
from shared.sightings import SightingColumns

# An angle of 62°, a cosine of 0.47, of 1,024 bits. Stricter than a search: no tracer looks at these pairs, and two
# people taken for one would be given each other's minutes, while one taken for two is still listed twice.
LOOKS_ALIKE = 352


@dataclass(slots=True)
class _Gallery:
    """Codes of one epoch and model with the person that each was taken for."""

    codes: list[UInt8] = field(default_factory=list)
    people: list[int] = field(default_factory=list)


class People:
    """Strangers of one cell, numbered from 0 as they are asked for; a number is never used for two epochs."""

    def __init__(self) -> None:
        self._galleries: dict[tuple[Epoch, str], _Gallery] = defaultdict(_Gallery)
        self._numbered: dict[tuple[str, int, int], int] = {}
        self._count = 0

    def number(self, columns: SightingColumns, row: int, model: str) -> int | None:
        """The person in one sighting; the same as another's if on average they differ little. None without a face."""
        if not columns.has_face[row]:
            return None
        key = (columns.node, columns.boot, int(columns.number[row]))
        if key not in self._numbered:
            gallery = self._galleries[columns.epoch, model]
            code = columns.face[row].copy()  # a view would keep the whole batch in memory
            person = self._like(gallery, code)
            gallery.codes.append(code)
            gallery.people.append(person)
            self._numbered[key] = person
        return self._numbered[key]

    def _like(self, gallery: _Gallery, code: UInt8) -> int:
        if gallery.codes:
            differ = distances(code[None], np.stack(gallery.codes))[:, 0]
            people = np.array(gallery.people)
            # The mean over all of a person's sightings: one that lies between two people does not make them one.
            means = {person: float(differ[people == person].mean()) for person in set(gallery.people)}
            nearest = min(means, key=lambda person: (means[person], person))
            if means[nearest] <= LOOKS_ALIKE:
                return nearest
        self._count += 1
        return self._count - 1
