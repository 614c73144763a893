"""What the pipeline needs to see: people in a frame, a face in a person, and what the kept pictures of one person say.

Behind this protocol stand the models; in tests, a script.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt

from shared.face_mask import FaceMask

# What the embeddings come from; part of the code keys, so that codes of different models are never compared.
MODELS: Final = {"face": "mfn192-int8-1", "appearance": "mnv2-stripes-1"}

Picture = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Boxes = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """Where a face is in a picture, in pixels, and how sure that is, 0..1.

    `box` [4] is x1, y1, x2, y2. `landmarks` [6, 2] are x, y of the eye on the picture's left, the other eye, the tip of
    the nose, the middle of the mouth, the ear on the picture's left, the other ear.
    """

    box: Floats = field(repr=False)
    landmarks: Floats = field(repr=False)
    score: float

    @property
    def eye_distance(self) -> float:
        """Pixels between the eyes: the measure of how much of a face there is to see."""
        return float(np.linalg.norm(self.landmarks[1] - self.landmarks[0]))

    def moved(self, x: float, y: float) -> Face:
        """The same face in a picture whose corner lies at (−x, −y) of this one."""
        shift = np.array([x, y], np.float32)
        return Face(self.box + np.tile(shift, 2), self.landmarks + shift, self.score)


@dataclass(frozen=True, slots=True, eq=False)
class FaceShot:
    """A face cut out with a margin as wide as itself; `face` is where it lies in `rgb`. Quality is 0..1."""

    rgb: Picture = field(repr=False)
    face: Face = field(repr=False)
    quality: float


@dataclass(frozen=True, slots=True, eq=False)
class MaskVote:
    """How a face mask is worn in one picture, and how sure that is, 0..1."""

    mask: FaceMask
    sureness: float


class Vision(Protocol):
    """Pictures are uint8 RGB [height, width, 3]; boxes are x1, y1, x2, y2 in pixels."""

    def people(self, rgb: Picture) -> tuple[Boxes, npt.NDArray[np.float64]]:
        """Boxes [n, 4] and scores [n]."""

    def faces(self, rgb: Picture) -> Sequence[FaceShot]:
        """Every face in a picture, the best first."""

    def embed_face(self, shot: FaceShot) -> Floats:
        """A unit vector [192]."""

    def judge_mask(self, shot: FaceShot) -> MaskVote: ...

    def embed_appearance(self, rgb: Picture) -> Floats:
        """A unit vector [640] of a picture of one whole person."""


class TemplateVision(Vision, Protocol):
    """What registration needs beside that."""

    def embed_face_masked(self, shot: FaceShot) -> Floats:
        """A unit vector [192] of the same bare face, half as it is and half as if it wore a face mask."""


def fuse(embeddings: Sequence[Floats], weights: Sequence[float]) -> Floats | None:
    """The weighted mean direction of unit vectors; none of nothing, or where they cancel out."""
    if not embeddings:
        return None
    total = np.einsum("n,nd->d", np.asarray(weights, np.float32) + np.float32(1e-3), np.stack(embeddings))
    norm = float(np.linalg.norm(total))
    return (total / norm).astype(np.float32) if norm > 1e-6 else None


def vote(votes: Sequence[MaskVote], weights: Sequence[float]) -> FaceMask:
    """The mask state with most weighted sureness; unknown of nothing."""
    sums = dict.fromkeys(FaceMask, 0.0)
    for cast, weight in zip(votes, weights, strict=True):
        sums[cast.mask] += cast.sureness * (weight + 1e-3)
    best = max(sums, key=lambda mask: sums[mask])
    return best if sums[best] > 0 else FaceMask.UNKNOWN
