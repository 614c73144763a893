"""Photos of faces as a street camera sees them, seeded: small, noisy, compressed, a little soft, perhaps masked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from edge.vision import Face, Picture

# Faces of pedestrians at 3 to 12 m from a camera of two megapixels.
FACE_PX: Final = (32.0, 90.0)
_STEP: Final = (0.85, 1.15)  # of sizes within one walk
_LIGHT: Final = (0.6, 1.2)
_NOISE: Final = (3, 9)  # grey levels, standard deviation
_SOFT_PX: Final = (0.3, 0.9)
_JPEG: Final = (55, 90)
_CLOTHS: Final = ((150, 190, 230), (240, 240, 238), (45, 45, 45), (215, 190, 170), (190, 200, 235))
_BRIGHTNESS: Final = (0.7, 1.05)
_UPPER_EDGE: Final = (0.35, 0.7)  # from the eyes to the tip of the nose


@dataclass(frozen=True, slots=True, eq=False)
class Walker:
    """One photo with its face; `width` is that of the face in pixels."""

    rgb: Picture
    face: Face

    @property
    def width(self) -> float:
        return float(self.face.box[2] - self.face.box[0])


def shots(walker: Walker, count: int, dice: np.random.Generator) -> list[Picture]:
    """Pictures of somebody who walks past: of about one size and in one light, each with its own noise."""
    width, light = float(np.exp(dice.uniform(*np.log(FACE_PX)))), float(dice.uniform(*_LIGHT))
    widths = np.clip(width * dice.uniform(*_STEP, count), *FACE_PX)
    return [_shot(walker, float(px), light, dice) for px in widths]


def with_mask(walker: Walker, dice: np.random.Generator) -> Walker:
    """The walker with a mask of some colour, higher or lower, drawn unlike the one that registration draws."""
    eye_a, eye_b, nose, mouth, ear_a, ear_b = walker.face.landmarks
    eyes, across = (eye_a + eye_b) / 2, eye_b - eye_a
    down, up = mouth - eyes, nose - eyes
    chin, bridge = mouth + 0.62 * down, eyes + up * dice.uniform(*_UPPER_EDGE)
    side_a, side_b = 0.8 * ear_a + 0.2 * nose, 0.8 * ear_b + 0.2 * nose
    corners = [side_a + 0.1 * up, bridge - 0.12 * across, bridge + 0.12 * across, side_b + 0.1 * up]
    corners += [side_b + 0.75 * down, chin + 0.35 * across, chin, chin - 0.35 * across, side_a + 0.75 * down]
    shape = np.zeros(walker.rgb.shape[:2], np.uint8)
    cv2.fillPoly(shape, [np.rint(np.stack(corners)).astype(np.int32)], 255)
    cover = cv2.GaussianBlur(shape, (0, 0), 1.0)[:, :, None] / 255
    colour = np.array(_CLOTHS[dice.integers(len(_CLOTHS))]) * dice.uniform(*_BRIGHTNESS)
    shade = np.linspace(1.05, 0.85, len(shape))[:, None, None]
    rgb = walker.rgb * (1 - cover) + np.clip(colour * shade, 0, 255) * cover
    return Walker(np.asarray(np.rint(rgb), np.uint8), walker.face)


def _shot(walker: Walker, width: float, light: float, dice: np.random.Generator) -> Picture:
    scale = min(1.0, width / walker.width)
    small = cv2.resize(walker.rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if dice.random() < 0.5:
        small = cv2.GaussianBlur(small, (0, 0), dice.uniform(*_SOFT_PX))
    noisy = small * light + dice.normal(0, dice.uniform(*_NOISE), small.shape)
    return _compressed(np.clip(noisy, 0, 255).astype(np.uint8), int(dice.uniform(*_JPEG)))


def _compressed(rgb: npt.NDArray[np.uint8], quality: int) -> Picture:
    _, raw = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(raw, cv2.IMREAD_COLOR), np.uint8)
