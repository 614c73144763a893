"""Simulated embeddings: unit vectors around a person's centre, as scattered as a street camera's are.

A picture's vector is e = g·c + √(1 - g²)·u, with c the centre, u a random unit vector at right angles to it, and g
drawn by quality and mask so that the cosine with a good reference follows the plan. Strangers' centres are random with
a falling spectrum, so that their cosines have the plan's spread, and share a little with some others, which makes the
tail heavier than a normal one. Look-alikes share much of a centre, in all their pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.face_mask import FaceMask
from tests.city.plan import CityPlan
from tests.city.streets import Bools, Floats, Ints

Float32 = npt.NDArray[np.float32]

AT_ONCE = 4096
_REFERENCE = 0.92  # cosine of a good photo with the centre
_UNDER_MASK = 0.8  # cosine of a person's centre with and without a mask
_BY_QUALITY = 0.35
_KIN, _KIN_SIZE = 0.35, 40  # what people who look a little alike share, and how many they are
_DAY_S = 86_400


@dataclass(frozen=True, slots=True, eq=False)
class Identities:
    """Unit centres [people, d] of faces without and with a mask, and the spread that pictures have."""

    bare: Float32
    masked: Float32
    spread: Float32


def make_identities(plan: CityPlan, alike: Sequence[tuple[int, int]]) -> Identities:
    """Centres of all people; `alike` lists (person, whom they resemble)."""
    random = plan.random("identities")
    spread = _spread(plan.face_dimensions, plan.impostor_sd, random)
    kin = _directions(spread, 1 + plan.people // _KIN_SIZE, random)
    own = _directions(spread, plan.people, random)
    bare = _unit(_KIN * kin[random.integers(len(kin), size=plan.people)] + np.sqrt(1 - _KIN**2) * own)
    for person, model in alike:
        bare[person] = _at_cosine(bare[model][None], bare[person][None], np.array([plan.look_alike_cosine]))[0]
    share = np.full(plan.people, _UNDER_MASK)
    masked = _at_cosine(bare, _directions(spread, plan.people, random), share)
    return Identities(bare, masked, spread)


def face_vectors(
    plan: CityPlan, identities: Identities, person: Ints, masked: Bools, quality: Floats
) -> Iterator[Float32]:
    """The pictures' vectors in portions of AT_ONCE rows, the same however they are read."""
    mean = np.where(masked, plan.face_cosine_masked / _UNDER_MASK, plan.face_cosine) / _REFERENCE
    for at in range(0, len(person), AT_ONCE):
        random, rows = plan.random("faces", at // AT_ONCE), slice(at, at + AT_ONCE)
        who, covered = person[rows], masked[rows, None]
        g = mean[rows] + _BY_QUALITY * (quality[rows] - 0.5)
        g = g + random.normal(0, _left_over(plan.face_cosine_sd / _REFERENCE), len(who))
        centre = np.where(covered, identities.masked[who], identities.bare[who])
        yield _at_cosine(centre, _directions(identities.spread, len(who), random), g.clip(-0.2, 0.97))


def reference_vectors(plan: CityPlan, identities: Identities, persons: Sequence[int]) -> Float32:
    """Two good photos of each person, without and with a mask: rows 2k and 2k + 1."""
    random = plan.random("references")
    centres = np.stack([identities.bare[list(persons)], identities.masked[list(persons)]], axis=1)
    centres = centres.reshape(2 * len(persons), -1)
    aside = _directions(identities.spread, len(centres), random)
    return _at_cosine(centres, aside, np.full(len(centres), _REFERENCE))


def clothes_vectors(plan: CityPlan, person: Ints, start: Floats) -> Iterator[Float32]:
    """Vectors of clothes in portions; one set of clothes a person and day, many of them alike."""
    centres = _clothes(plan)
    day = np.minimum(start // _DAY_S, plan.days - 1).astype(np.int64)
    for at in range(0, len(person), AT_ONCE):
        random, rows = plan.random("clothes", at // AT_ONCE), slice(at, at + AT_ONCE)
        centre = centres[day[rows], person[rows]]
        g = random.normal(plan.appearance_cosine, 0.1, len(centre)).clip(0, 0.98)
        yield _at_cosine(centre, _unit(random.standard_normal(centre.shape, np.float32)), g)


def is_covered(mask: npt.NDArray[np.uint8]) -> Bools:
    """A wrongly worn mask leaves most of a face free."""
    return np.asarray(mask == FaceMask.WORN)


def _clothes(plan: CityPlan) -> Float32:
    random, d = plan.random("wardrobes"), plan.appearance_dimensions
    usual = _unit(random.standard_normal((1, d), np.float32))
    fashions = _unit(random.standard_normal((12, d), np.float32))
    worn = fashions[random.integers(len(fashions), size=(plan.days, plan.people))]
    own = _unit(random.standard_normal((plan.days, plan.people, d), np.float32))
    return _unit(0.45 * usual + 0.5 * worn + 0.75 * own)


def _left_over(sd: float) -> float:
    """What of a spread is not explained by quality, whose standard deviation is about 0.2."""
    return float(np.sqrt(max(sd**2 - (0.2 * _BY_QUALITY) ** 2, 1e-6)))


def _spread(d: int, impostor_sd: float, random: np.random.Generator) -> Float32:
    """A matrix [d, d] that turns white noise into directions whose cosines have this standard deviation.

    With variances r^i the cosines of two directions have variance Σr^2i/(Σr^i)²; r is found by halving.
    """
    low, high = 0.5, 1.0
    for _ in range(50):
        r = (low + high) / 2
        spectrum = r ** np.arange(d)
        low, high = (r, high) if (spectrum**2).sum() / spectrum.sum() ** 2 > impostor_sd**2 else (low, r)
    turn = np.linalg.qr(random.standard_normal((d, d)))[0]
    return np.asarray((np.sqrt(low ** np.arange(d))[:, None] * turn), np.float32)


def _directions(spread: Float32, count: int, random: np.random.Generator) -> Float32:
    return _unit(random.standard_normal((count, len(spread)), np.float32) @ spread)


def _at_cosine(centre: Float32, aside: Float32, cosine: Floats) -> Float32:
    """Unit vectors at these cosines from the centres, towards `aside`."""
    across = _unit(aside - (aside * centre).sum(axis=1, keepdims=True) * centre)
    g = cosine.astype(np.float32)[:, None]
    return _unit(g * centre + np.sqrt(1 - g**2) * across)


def _unit(x: npt.NDArray[Any]) -> Float32:
    return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True), np.float32)
