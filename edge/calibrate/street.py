"""Photos made worse as a street camera would see the face, seeded: small, noisy, dimmer, not quite aligned, masked."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from edge.drawn_mask import COLOURS, draw_mask
from edge.models.face_aligner import align, aligned_landmarks
from edge.pictures import resize
from edge.vision import Face, Picture

FACE_PX: Final = (32, 90)
_LIGHT: Final = (0.7, 1.2)
_NOISE: Final = (1, 8)  # grey levels, standard deviation
_SLIP: Final = 0.03  # of landmarks, in eye distances
# Masks of other colours than the template's, so that the colour gives nothing away.
_CLOTHS: Final = (*COLOURS, (60, 90, 60), (200, 160, 160), (40, 60, 110))
_UPPER_EDGE: Final = (0.25, 0.7)


def from_the_street(rgb: Picture, face: Face, dice: np.random.Generator) -> tuple[Picture, Face]:
    """The picture at a size where the face is 32 to 90 pixels wide, and where the landmarks are thought to be then."""
    scale = min(1.0, float(dice.uniform(*FACE_PX)) / float(face.box[2] - face.box[0]))
    small = resize(rgb, round(rgb.shape[1] * scale), round(rgb.shape[0] * scale)).astype(np.float32)
    noisy = small * dice.uniform(*_LIGHT) + dice.normal(0, dice.uniform(*_NOISE), small.shape)
    slip = dice.normal(0, _SLIP * face.eye_distance * scale, face.landmarks.shape)
    seen = Face(face.box * np.float32(scale), (face.landmarks * scale + slip).astype(np.float32), face.score)
    return np.clip(noisy, 0, 255).astype(np.uint8), seen


def bare(rgb: Picture, face: Face, dice: np.random.Generator) -> Picture:
    """The aligned face as seen from the street."""
    return align(*from_the_street(rgb, face, dice))


def masked(rgb: Picture, face: Face, dice: np.random.Generator) -> Picture:
    """The same with a mask of some colour, worn higher or lower."""
    small, seen = from_the_street(rgb, face, dice)
    cloth = np.clip(np.array(_CLOTHS[dice.integers(len(_CLOTHS))]) + dice.normal(0, 18, 3), 0, 255)
    where = aligned_landmarks(seen) + dice.normal(0, 1.5, (6, 2)).astype(np.float32)
    colour = (int(cloth[0]), int(cloth[1]), int(cloth[2]))
    drawn = draw_mask(align(small, seen), where, colour, float(dice.uniform(*_UPPER_EDGE)))
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), 0.5), np.uint8)
