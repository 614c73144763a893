"""Photos of faces as a street camera sees them: small, noisy, compressed, a little off, and masked if asked for."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from edge.models.face_aligner import align
from edge.models.face_quality import face_quality
from edge.vision import Face, FaceShot, Picture

# Faces of pedestrians at 3 to 12 m from a camera of two megapixels.
NARROWEST_PX, WIDEST_PX = 32.0, 100.0
_LANDMARK_ERROR = 0.02  # of the face's width, standard deviation
_MASKS = ((150, 190, 230), (240, 240, 238), (45, 45, 45), (215, 190, 170), (190, 200, 235))


@dataclass(frozen=True, slots=True, eq=False)
class Walker:
    """One photo with its face; `width` is that of the face in pixels."""

    rgb: Picture
    face: Face

    @property
    def width(self) -> float:
        return float(self.face.box[2] - self.face.box[0])


def shots(walker: Walker, count: int, random: np.random.Generator) -> list[FaceShot]:
    """What a track keeps of somebody who walks past: `count` shots of one size, each with its own noise."""
    width = float(np.exp(random.uniform(np.log(NARROWEST_PX), np.log(WIDEST_PX))))
    return [_shot(walker, width * random.uniform(0.85, 1.15), random) for _ in range(count)]


def with_mask(walker: Walker, random: np.random.Generator) -> Walker:
    """The walker with a mask of some colour, drawn unlike the one that registration draws."""
    eye_a, eye_b, nose, mouth, ear_a, ear_b = walker.face.landmarks
    eyes, across = (eye_a + eye_b) / 2, eye_b - eye_a
    down, up = mouth - eyes, nose - eyes
    chin, bridge = mouth + 0.62 * down, eyes + up * random.uniform(0.35, 0.7)
    side_a, side_b = 0.8 * ear_a + 0.2 * nose, 0.8 * ear_b + 0.2 * nose
    corners = [side_a + 0.1 * up, bridge - 0.12 * across, bridge + 0.12 * across, side_b + 0.1 * up]
    corners += [side_b + 0.75 * down, chin + 0.35 * across, chin, chin - 0.35 * across, side_a + 0.75 * down]
    shape = np.zeros(walker.rgb.shape[:2], np.uint8)
    cv2.fillPoly(shape, [np.rint(np.stack(corners)).astype(np.int32)], 255)
    cover = cv2.GaussianBlur(shape, (0, 0), 1.0)[:, :, None] / 255
    colour = np.array(_MASKS[random.integers(len(_MASKS))]) * random.uniform(0.7, 1.05)
    shade = np.linspace(1.05, 0.85, len(shape))[:, None, None]
    rgb = walker.rgb * (1 - cover) + np.clip(colour * shade, 0, 255) * cover
    return Walker(np.asarray(np.rint(rgb), np.uint8), walker.face)


def _shot(walker: Walker, width: float, random: np.random.Generator) -> FaceShot:
    scale = width / walker.width
    small = cv2.resize(walker.rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    if random.random() < 0.5:
        small = cv2.GaussianBlur(small, (0, 0), random.uniform(0.3, 0.9))
    noisy = small * random.uniform(0.6, 1.2) + random.normal(0, random.uniform(3, 9), small.shape)
    rgb = _compressed(np.clip(noisy, 0, 255).astype(np.uint8), int(random.uniform(55, 90)))
    off = random.normal(0, _LANDMARK_ERROR * width, walker.face.landmarks.shape)
    landmarks = (walker.face.landmarks * scale + off).astype(np.float32)
    face = Face((walker.face.box * scale).astype(np.float32), landmarks, walker.face.score)
    return FaceShot(rgb, face, face_quality(face, align(rgb, face)))


def _compressed(rgb: npt.NDArray[np.uint8], quality: int) -> Picture:
    _, raw = cv2.imencode(".jpg", rgb, [cv2.IMWRITE_JPEG_QUALITY, quality])
    decoded = cv2.imdecode(raw, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.asarray(decoded, np.uint8)
