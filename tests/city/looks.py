"""Faces and clothes of a large city's people, block by block, on disk: there are too many for the memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.city.clothes import Wardrobe
from tests.city.faces import Crowd, Identities, at_cosine
from tests.city.plan import CityPlan
from tests.city.spread import Float32

Float16 = npt.NDArray[np.float16]  # to three digits: far finer than pictures differ


@dataclass(frozen=True, slots=True, eq=False)
class Looks:
    """What cameras see of people: `identities` for ever, `clothes` [1, people, d] for a day."""

    plan: CityPlan
    folder: Path
    alike: Sequence[tuple[int, int]]
    identities: Identities = field(init=False, repr=False)

    def __post_init__(self) -> None:
        shape = self.plan.people, self.plan.face_dimensions
        bare, masked = (self._array(name, shape) for name in ("bare", "masked"))
        crowd, ease = Crowd(self.plan), np.empty(self.plan.people)
        model_of = dict(self.alike)
        models = {model: self._own(crowd, model) for model in set(model_of.values())}
        for first in range(0, self.plan.people, self.plan.block_people):
            rows, random = slice(first, min(first + self.plan.block_people, self.plan.people)), self._random(first)
            own = crowd.people.draw(rows.stop - first, random)
            for person in range(first, rows.stop):
                if person in model_of:
                    cosine = np.array([self.plan.look_alike_cosine])
                    own[person - first] = at_cosine(models[model_of[person]], own[person - first][None], cosine)[0]
            bare[rows], masked[rows] = crowd.centres(own, random)
            ease[rows] = random.standard_normal(rows.stop - first)
        object.__setattr__(self, "identities", Identities(bare, masked, ease, crowd.pictures))

    def clothes(self, day: int) -> Float16:
        """What everybody wears on a day: the file of the day before is written over."""
        worn = self._array("clothes", (self.plan.people, self.plan.appearance_dimensions))
        wardrobe = Wardrobe(self.plan)
        for first in range(0, self.plan.people, self.plan.block_people):
            last = min(first + self.plan.block_people, self.plan.people)
            worn[first:last] = wardrobe.worn((last - first,), self.plan.random("worn", day * 100_000 + first))
        return worn[None]

    def _own(self, crowd: Crowd, person: int) -> Float32:
        """A person's centre before anything is mixed into it [1, d]."""
        first = person - person % self.plan.block_people
        own = crowd.people.draw(min(self.plan.block_people, self.plan.people - first), self._random(first))
        return np.asarray(own[person - first][None])

    def _random(self, first: int) -> np.random.Generator:
        return self.plan.random("own faces", first)

    def _array(self, name: str, shape: tuple[int, int]) -> Float16:
        return np.lib.format.open_memmap(self.folder / f"{name}.npy", "w+", np.float16, shape)
