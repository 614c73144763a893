"""Photos of faces become templates as registration makes them, and sightings as a box reports people who walk past.

Every picture from the street goes through the box's own detector: how far it misplaces eyes and mouth of small and of
masked faces is most of what a mask costs, and no made-up error is like it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from edge.calibrate import BadMaterial
from edge.calibrate.comparisons import Embeddings
from edge.calibrate.pairs import TELL_EVERY, Found, Tell, middle_face
from edge.calibrate.street import Walker, shots, with_mask
from edge.model_vision import ModelVision
from edge.models.face_aligner import align
from edge.models.face_quality import face_quality, usable
from edge.vision import FaceShot, Picture, fuse

WALKS: Final = 2  # past a camera, of each photo
SHOTS: Final = 3  # that a box keeps of a short walk

LOST: Final = -1.0  # below every quality

Floats = npt.NDArray[np.float64]
Embedding = npt.NDArray[np.float32]
Walk = tuple[list[Embedding], list[float]]

NOBODY: Final = np.zeros(192, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Walks:
    """n photos by `names`: templates [n, d] bare and masked; sightings [n, walks, d] and their quality [n, walks], bare
    and masked; and the first shot alone [n, d]. A walk that shows no usable face has the quality LOST, and zeros."""

    names: tuple[str, ...]
    bare: Embeddings
    masked: Embeddings
    seen_bare: Embeddings
    quality_bare: Floats
    seen_masked: Embeddings
    quality_masked: Floats
    one_shot: Embeddings

    def found(self) -> Walks:
        """Only the photos whose face is found in every walk: what was not found is no sighting of a face."""
        kept = np.flatnonzero((np.concatenate([self.quality_bare, self.quality_masked], axis=1) > LOST).all(axis=1))
        columns = (getattr(self, one.name)[kept] for one in fields(self)[1:])
        return Walks(tuple(self.names[row] for row in kept), *columns)


def walk_all(found: Mapping[str, Found], vision: ModelVision, tell: Tell, walks: int = WALKS) -> Walks:
    """So many walks of each photo, bare and masked; each has dice of its own, so that a photo more or less changes
    nothing of the others."""
    rows = []
    for count, (name, (rgb, face)) in enumerate(found.items(), 1):
        dice = np.random.default_rng(list(hashlib.sha256(name.encode()).digest()[:8]))
        walker, photo = Walker(rgb, face), FaceShot(rgb, face, 1.0)
        templates = vision.embed_face(photo), vision.embed_face_masked(photo)
        bare = [_seen(vision, shots(walker, SHOTS, dice)) for _ in range(walks)]
        worn = with_mask(walker, dice)
        masked = [_seen(vision, shots(worn, SHOTS, dice)) for _ in range(walks)]
        first = next(iter(bare[0][0]), NOBODY)
        rows.append((name, *templates, *_reported(bare), *_reported(masked), first))
        if count % TELL_EVERY == 0:
            tell(f"{count:,} of {len(found):,} people have walked past")
    if not rows:
        raise BadMaterial("no photo shows a face", hint="give photos of faces")
    names, *columns = zip(*rows, strict=True)
    return Walks(tuple(names), *(np.array(column) for column in columns))


def _seen(vision: ModelVision, pictures: Sequence[Picture]) -> Walk:
    """Embeddings and qualities of the shots in which a face is found."""
    looks = [_middle_shot(vision, rgb) for rgb in pictures]
    kept = [shot for shot in looks if shot is not None]
    return [vision.embed_face(shot) for shot in kept], [shot.quality for shot in kept]


def _middle_shot(vision: ModelVision, rgb: Picture) -> FaceShot | None:
    """Others may stand behind the person whose photo it is."""
    face = middle_face(vision.find_faces(rgb), rgb)
    return FaceShot(rgb, face, face_quality(face, align(rgb, face))) if face is not None and usable(face) else None


def _reported(walks: Sequence[Walk]) -> tuple[list[Embedding], list[float]]:
    """What a box would say of the walks: the fused embedding and the best quality of each."""
    fused = [fuse(embeddings, weights) for embeddings, weights in walks]
    qualities = [max(weights, default=LOST) for _, weights in walks]
    return [NOBODY if one is None else one for one in fused], qualities
