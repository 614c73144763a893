"""Every person of a small city gets a real person's face, as a box would see it.

A patient registers one photo and is seen by that person's other photos only. People on one photo are strangers: all
their sightings come of it, made small, noisy and soft anew each time. From sighting to sighting they look more alike
than people do, and who resembles a patient does so all day, which is harder than a street.
Where the box found no face in a walk, the sighting has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from edge.calibrate.walks import LOST
from shared.face_mask import FaceMask
from tests.city.album import Album, TooFewPhotographed
from tests.city.bank import BARE, MASKED
from tests.city.faces import is_covered
from tests.city.plan import CityPlan
from tests.city.spread import Float32
from tests.city.streets import Ints
from tests.city.tracks import Tracks
from tests.city.watching import Sightings


@dataclass(frozen=True, slots=True, eq=False)
class Cast:
    """Whom each person of a city is: `photos`, rows of the bank by which they are seen; and what each patient gave,
    `given`, a row that is none of their `photos`."""

    photos: tuple[Ints, ...]
    given: dict[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class RealFaces:
    """`vectors` [n, d] of the sightings with a face, in their order; two rows of `references` a patient."""

    vectors: Float32 = field(repr=False)
    references: Float32 = field(repr=False)
    about: str


def cast(plan: CityPlan, album: Album, patients: Sequence[int]) -> Cast:
    """The patients are real people on two photos or more, everybody else is anybody. Raises TooFewPhotographed."""
    random, fit = plan.random("cast"), album.patients
    if len(patients) > len(fit) or plan.people > len(album):
        hint = f"ask for at most {len(album)} people and {len(fit)} patients, or give more photos"
        asked = f"{plan.people} people and {len(patients)} patients were asked for"
        raise TooFewPhotographed(f"of {len(album)} real people {len(fit)} may be patients; {asked}", hint=hint)
    followed = random.permutation(fit)[: len(patients)]
    rest = random.permutation(np.setdiff1d(np.arange(len(album)), followed))
    actor = np.empty(plan.people, np.int64)
    actor[list(patients)] = followed
    actor[np.setdiff1d(np.arange(plan.people), list(patients))] = rest[: plan.people - len(patients)]
    given = {person: _given(album, album.people[actor[person]], random) for person in patients}
    photos = (album.people[one] for one in actor.tolist())
    return Cast(tuple(rows[rows != given.get(person, -1)] for person, rows in enumerate(photos)), given)


def photographed(
    plan: CityPlan, album: Album, chosen: Cast, tracks: Tracks, sightings: Sightings
) -> tuple[Sightings, RealFaces]:
    """The sightings as a box makes them of real faces: each a walk of a photo, with its quality, or without a face."""
    random = plan.random("real faces")
    rows = np.flatnonzero(sightings.has_face)
    photo, walk = _drawn(chosen, sightings.person[rows], album.bank["quality"].shape[2], random)
    worn = np.where(is_covered(tracks.mask[sightings.track[rows]]), MASKED, BARE)
    quality = album.bank["quality"][photo, worn, walk]
    found = quality > LOST
    has_face, mask, judged = sightings.has_face.copy(), sightings.mask.copy(), sightings.quality.copy()
    has_face[rows], judged[rows] = found, np.round(np.where(found, quality, 0.0), 3)
    mask[rows[~found]] = FaceMask.UNKNOWN
    vectors = album.bank["seen"][photo[found], worn[found], walk[found]]
    faces = RealFaces(vectors, _references(album, chosen), _about(plan, album, 1 - found.mean()))
    return replace(sightings, has_face=has_face, mask=mask, quality=judged), faces


def _given(album: Album, rows: Ints, random: np.random.Generator) -> int:
    return int(random.choice(rows[album.bank["accepts"][rows]]))


def _drawn(chosen: Cast, person: Ints, walks: int, random: np.random.Generator) -> tuple[Ints, Ints]:
    """A photo and a walk of it for each of these sightings."""
    count = np.array([len(rows) for rows in chosen.photos])
    first, photos = np.cumsum(count) - count, np.concatenate(chosen.photos)
    photo = photos[first[person] + (random.random(len(person)) * count[person]).astype(np.int64)]
    return photo, random.integers(walks, size=len(person))


def _references(album: Album, chosen: Cast) -> Float32:
    """Rows 2k bare and 2k + 1 masked. A scenario's masked reference is a face in a mask, of which the centre makes a
    template b + m; registration gave t, that sum at length 1, and so m is b mirrored at t."""
    bare, template = np.moveaxis(album.bank["registered"][list(chosen.given.values())], 1, 0)
    masked = 2 * (template * bare).sum(axis=1, keepdims=True) * template - bare
    return np.stack([bare, masked], axis=1).reshape(2 * len(chosen.given), -1)


def _about(plan: CityPlan, album: Album, lost: float) -> str:
    return (
        f"real: {plan.people:,} of {len(album):,} people on photos of {album.about}, as the box's models see them in "
        f"the street, masks drawn; {album.once:,} of them are on one photo only and look more alike from sighting to "
        f"sighting than people do; in {lost:.1%} of the sightings that show a face the box found none"
    )
