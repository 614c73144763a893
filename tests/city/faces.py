"""Simulated embeddings: unit vectors around a person's centre, as scattered as a street camera's are.

A picture's vector is e = g·c + √(1 - g²)·u, with c the person's centre, u a random unit vector at right angles to it,
and g drawn by person, quality and mask so that the cosine with a good reference follows the plan. Centres share a
little with everybody's, and with a mask on, more: masked faces are alike. Look-alikes share much of a centre, in all
their pictures.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from shared.face_mask import FaceMask
from tests.city.plan import CityPlan
from tests.city.spread import Spread, make_spread, unit
from tests.city.streets import Bools, Floats, Ints

Float32 = npt.NDArray[np.float32]
Centres = npt.NDArray[np.floating[Any]]  # float32 in memory, float16 on disk

AT_ONCE = 4096
REFERENCE = 0.92  # cosine of a good photo with the centre
_MASK_STYLES = 0.5  # masks come in a few looks: the standard deviation of their cosines


@dataclass(frozen=True, slots=True, eq=False)
class Identities:
    """Unit centres [people, d] of faces without and with a mask, how well each person is recognised (standard normal),
    and the spread of pictures around a centre."""

    bare: Centres
    masked: Centres
    ease: Floats
    pictures: Spread


class Crowd:
    """What the centres of a plan's people share: how faces are spread, and what all have in common."""

    def __init__(self, plan: CityPlan) -> None:
        self.random, d = plan.random("identities"), plan.face_dimensions
        turn = np.linalg.qr(self.random.standard_normal((d, d)))[0]
        self.people, self.pictures = _spreads(plan, turn)
        self._plan, self._styles = plan, make_spread(d, _MASK_STYLES, turn)
        self._everybody, masks = self.people.draw(1, self.random), self.people.draw(1, self.random)
        self._masks = unit(masks - (masks @ self._everybody.T) * self._everybody)

    def centres(self, own: Float32, random: np.random.Generator) -> tuple[Float32, Float32]:
        """Bare and masked faces [n, d] of people with these directions of their own."""
        plan, everybody = self._plan, self._everybody
        common = plan.stranger_mean / plan.face_cosine
        bare = _mix((common, everybody), (1 - common, own))
        styles = self._styles.draw(len(own), random)
        kept = (plan.under_mask - common) / np.sqrt(1 - common)
        covered = plan.masks_alike - common
        rest = 1 - common - covered - kept**2
        return bare, _mix((common, everybody), (covered, self._masks), (kept**2, own), (rest, styles))


def make_identities(plan: CityPlan, alike: Sequence[tuple[int, int]]) -> Identities:
    """Centres of all people; `alike` lists (person, whom they resemble)."""
    crowd = Crowd(plan)
    own = crowd.people.draw(plan.people, crowd.random)
    for person, model in alike:
        own[person] = at_cosine(own[model][None], own[person][None], np.array([plan.look_alike_cosine]))[0]
    bare, masked = crowd.centres(own, crowd.random)
    return Identities(bare, masked, crowd.random.standard_normal(plan.people), crowd.pictures)


def face_vectors(
    plan: CityPlan, identities: Identities, person: Ints, masked: Bools, quality: Floats
) -> Iterator[Float32]:
    """The pictures' vectors in portions of AT_ONCE rows, the same however they are read."""
    mean = np.where(masked, plan.face_cosine_masked, plan.face_cosine) + plan.face_cosine_by_quality * (quality - 0.5)
    of_person = np.sqrt(plan.patient_correlation) * plan.face_cosine_sd * identities.ease[person]
    for at in range(0, len(person), AT_ONCE):
        random, rows = plan.random("faces", at // AT_ONCE), slice(at, at + AT_ONCE)
        who, covered = person[rows], masked[rows, None]
        rest = np.sqrt(1 - plan.patient_correlation) * plan.face_cosine_sd * random.standard_normal(len(who))
        g = (mean[rows] + of_person[rows] + rest) / REFERENCE
        centre = np.where(covered, identities.masked[who], identities.bare[who])
        yield at_cosine(centre, identities.pictures.draw(len(who), random), g.clip(-0.2, 0.98))


def reference_vectors(plan: CityPlan, identities: Identities, persons: Sequence[int]) -> Float32:
    """Two good photos of each person, without and with a mask: rows 2k and 2k + 1."""
    random = plan.random("references")
    centres = np.stack([identities.bare[list(persons)], identities.masked[list(persons)]], axis=1)
    centres = centres.reshape(2 * len(persons), -1)
    return at_cosine(centres, identities.pictures.draw(len(centres), random), np.full(len(centres), REFERENCE))


def registered(references: Float32) -> Float32:
    """Bare and masked references [2n, d] as registration makes templates of them: what masked sightings are compared
    with holds a face with and without a mask in equal parts."""
    rows = references.copy()
    rows[1::2] = unit(references[::2] + references[1::2])
    return rows


def is_covered(mask: npt.NDArray[np.uint8]) -> Bools:
    """A wrongly worn mask leaves most of a face free."""
    return np.asarray(mask == FaceMask.WORN)


def at_cosine(centre: Centres, aside: Float32, cosine: Floats) -> Float32:
    """Unit vectors at these cosines from the centres, towards `aside`."""
    across = unit(aside - (aside * centre).sum(axis=1, keepdims=True) * centre)
    g = cosine.astype(np.float32)[:, None]
    return unit(g * centre + np.sqrt(1 - g**2) * across)


def _spreads(plan: CityPlan, turn: npt.NDArray[Any]) -> tuple[Spread, Spread]:
    """Of people and of pictures, so that strangers' cosines have the plan's variance, and its share between people.

    With g the usual cosine of a picture with its centre: Var = (g·r)²·a² + (1 - g²)·r²·b², r that of a reference.
    """
    g, variance = plan.face_cosine / REFERENCE, plan.stranger_sd**2
    between = np.sqrt(plan.stranger_correlation * variance) / (g * REFERENCE)
    within = np.sqrt((1 - plan.stranger_correlation) * variance / (1 - g**2)) / REFERENCE
    people = make_spread(plan.face_dimensions, float(between), turn)
    return people, make_spread(plan.face_dimensions, float(within), turn, people)


def _mix(*parts: tuple[float, Float32]) -> Float32:
    """Unit vectors whose squared length comes from each part in its share."""
    return unit(sum((np.sqrt(np.float32(share)) * part for share, part in parts), np.zeros((1, 1), np.float32)))
