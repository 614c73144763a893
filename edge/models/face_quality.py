"""How much a picture of a face is worth: large, sharp and from the front is better; some are not worth embedding."""

from __future__ import annotations

from typing import Final

import numpy as np

from edge.pictures import sharpness
from edge.vision import Face, Picture

SMALLEST_EYES_PX: Final = 8.0  # below, the embedding says nothing: faces of about 20 pixels
_WIDE_EYES_PX: Final = 36.0  # the aligned picture's own: more pixels add nothing
_MOST_TURNED: Final = 1.1


def turned(face: Face) -> float:
    """0 from the front, about 1 in profile: how far the nose lies from the middle of the eyes, in eye distances × 2."""
    left, right, nose = face.landmarks[:3]
    axis = (right - left) / max(face.eye_distance, 1e-6)
    return float(abs(np.dot(nose - (left + right) / 2, axis)) / max(face.eye_distance, 1e-6) * 2)


def usable(face: Face) -> bool:
    """False where the face is too small, or seen from the side."""
    return face.eye_distance >= SMALLEST_EYES_PX and turned(face) < _MOST_TURNED


def face_quality(face: Face, aligned: Picture) -> float:
    """0..1; `aligned` is the face at 112 × 112, so that sharpness means the same for near and far faces."""
    size = min(1.0, face.eye_distance / _WIDE_EYES_PX)
    pose = 1.0 - min(1.0, turned(face))
    return float(face.score * size * (0.4 + 0.6 * pose) * (0.5 + 0.5 * sharpness(aligned)))
