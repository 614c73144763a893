"""Simulated vectors of clothes: one set a person and day, many of them alike."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tests.city.faces import AT_ONCE, Centres, Float32, at_cosine
from tests.city.plan import CityPlan
from tests.city.spread import unit
from tests.city.streets import Floats, Ints

_DAY_S = 86_400
_FASHIONS = 12
_SD = 0.1


def clothes_vectors(plan: CityPlan, person: Ints, start: Floats, centres: Centres | None = None) -> Iterator[Float32]:
    """In portions of AT_ONCE rows, the same however they are read; `start` is in seconds since the plan's. `centres`
    [days, people, d] are what everybody wears, where that is known already."""
    centres = _wardrobes(plan) if centres is None else centres
    day = np.minimum(start // _DAY_S, plan.days - 1).astype(np.int64)
    for at in range(0, len(person), AT_ONCE):
        random, rows = plan.random("clothes", at // AT_ONCE), slice(at, at + AT_ONCE)
        centre = centres[day[rows], person[rows]]
        g = random.normal(plan.appearance_cosine, _SD, len(centre)).clip(0, 0.98)
        yield at_cosine(centre, unit(random.standard_normal(centre.shape, np.float32)), g)


class Wardrobe:
    """A usual look, and a few fashions of which many people share one."""

    def __init__(self, plan: CityPlan) -> None:
        self.random, self._d = plan.random("wardrobes"), plan.appearance_dimensions
        self._usual = unit(self.random.standard_normal((1, self._d), np.float32))
        self._fashions = unit(self.random.standard_normal((_FASHIONS, self._d), np.float32))

    def worn(self, shape: tuple[int, ...], random: np.random.Generator) -> Float32:
        """Centres [*shape, d]: the usual look, a fashion, and what is a person's own."""
        fashion = self._fashions[random.integers(_FASHIONS, size=shape)]
        own = unit(random.standard_normal((*shape, self._d), np.float32))
        return unit(0.45 * self._usual + 0.5 * fashion + 0.75 * own)


def _wardrobes(plan: CityPlan) -> Float32:
    """Centres [days, people, d]."""
    wardrobe = Wardrobe(plan)
    return wardrobe.worn((plan.days, plan.people), wardrobe.random)
