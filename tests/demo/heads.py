"""Heads as pictures with landmarks: cut from a portrait, turned, relit, and dressed with a drawn face mask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Picture = npt.NDArray[np.uint8]
Point = tuple[float, float]

EYES_APART_M: Final = 0.063  # the mean distance between pupils
# Round the hair and the chin of scikit-image's portrait of an astronaut (NASA, public domain), in its pixels.
_PORTRAIT_OUTLINE: Final = (
    (225, 13), (258, 21), (284, 40), (299, 74), (298, 100), (288, 122), (277, 130), (271, 146), (264, 162),
    (252, 180), (237, 189), (222, 190), (207, 184), (194, 170), (185, 150), (179, 130), (166, 118), (155, 100),
    (153, 75), (163, 45), (188, 22),
)  # fmt: skip
_PORTRAIT_EYES: Final = ((204.5, 102.5), (248.0, 104.5))
_PORTRAIT_MOUTH: Final = (223.0, 147.0)


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """`rgba` float32 [height, width, 4]: colours 0..255 times alpha, and alpha 0..1. Landmarks are in its pixels."""

    rgba: Floats = field(repr=False)
    eyes: tuple[Point, Point]
    mouth: Point

    @property
    def eyes_apart_px(self) -> float:
        return float(np.hypot(*np.subtract(self.eyes[1], self.eyes[0])))

    @property
    def between_eyes(self) -> Point:
        (x1, y1), (x2, y2) = self.eyes
        return (x1 + x2) / 2, (y1 + y2) / 2

    @property
    def chin(self) -> Point:
        """Below the mouth by three quarters of the way from the eyes to the mouth."""
        (ex, ey), (mx, my) = self.between_eyes, self.mouth
        return mx + 0.75 * (mx - ex), my + 0.75 * (my - ey)

    @property
    def skin(self) -> tuple[float, float, float]:
        """The mean colour between the eyes and the mouth, where no hair is."""
        (ex, ey), (mx, my) = self.between_eyes, self.mouth
        r = max(2, round(self.eyes_apart_px / 5))
        x, y = round((ex + mx) / 2), round((ey + my) / 2)
        patch = self.rgba[y - r : y + r, x - r : x + r, :3].reshape(-1, 3).mean(axis=0)
        return float(patch[0]), float(patch[1]), float(patch[2])


@cache
def portrait() -> Picture:
    """scikit-image's portrait of an astronaut, RGB [512, 512, 3], which lies inside its wheel."""
    from skimage.data import astronaut

    return np.asarray(astronaut(), np.uint8)


@cache
def patient_head() -> Head:
    """The head of the portrait."""
    outline = smooth_outline(np.asarray(_PORTRAIT_OUTLINE, np.float64))
    return cut_head(portrait(), outline, _PORTRAIT_EYES, _PORTRAIT_MOUTH)


def smooth_outline(points: npt.NDArray[np.float64], steps: int = 8) -> npt.NDArray[np.float64]:
    """A closed Catmull–Rom curve through `points` [n, 2] → [n·steps, 2]."""
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    p0, p1, p2, p3 = (np.roll(points, shift, axis=0)[:, None, :] for shift in (1, 0, -1, -2))
    curve = 2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3
    return np.asarray(curve.reshape(-1, 2) / 2)


def cut_head(rgb: Picture, outline: npt.NDArray[np.float64], eyes: tuple[Point, Point], mouth: Point) -> Head:
    """What lies inside an outline [n, 2] of a picture, with a soft edge of a few pixels."""
    low = np.maximum(np.floor(outline.min(axis=0)).astype(int) - 3, 0)
    high = np.minimum(np.ceil(outline.max(axis=0)).astype(int) + 4, rgb.shape[1::-1])
    alpha = np.zeros((high[1] - low[1], high[0] - low[0]), np.float32)
    cv2.fillPoly(alpha, [np.rint(outline - low).astype(np.int32)], (1.0,))
    alpha = cv2.GaussianBlur(cv2.erode(alpha, np.ones((5, 5), np.uint8)), (0, 0), 1.4)
    inside = rgb[low[1] : high[1], low[0] : high[0]].astype(np.float32) * alpha[..., None]

    def moved(point: Point) -> Point:
        return point[0] - float(low[0]), point[1] - float(low[1])

    rgba = np.concatenate([inside, alpha[..., None]], axis=2)
    return Head(rgba, (moved(eyes[0]), moved(eyes[1])), moved(mouth))


def turned(head: Head, yaw_deg: float, pitch_deg: float = 0.0) -> Head:
    """The head turned a little: points of an ellipsoid move with their depth, the outline stays. Good to about 20°."""
    height, width = head.rgba.shape[:2]
    cx, cy = head.between_eyes[0], (head.between_eyes[1] + head.mouth[1]) / 2
    radius = 1.25 * head.eyes_apart_px
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    depth = np.sqrt(np.clip(1 - ((x - cx) / (1.1 * radius)) ** 2 - ((y - cy) / (1.5 * radius)) ** 2, 0, 1))
    dx, dy = (radius * float(np.sin(np.radians(angle))) for angle in (yaw_deg, pitch_deg))
    rgba = cv2.remap(
        head.rgba, (x - dx * depth).astype(np.float32), (y - dy * depth).astype(np.float32), cv2.INTER_LINEAR
    )
    (left, right), (mx, my) = head.eyes, head.mouth
    eyes = ((left[0] + dx, left[1] + dy), (right[0] + dx, right[1] + dy))
    return replace(head, rgba=rgba, eyes=eyes, mouth=(mx + dx, my + dy))


def relit(head: Head, side: float, gain: tuple[float, float, float]) -> Head:
    """Brighter to the right by `side` (−1..1) and tinted by `gain` for red, green, blue."""
    ramp = 1 + side * np.linspace(-0.5, 0.5, head.rgba.shape[1], dtype=np.float32)
    rgba = head.rgba.copy()
    rgba[..., :3] *= ramp[None, :, None] * np.asarray(gain, np.float32)
    return replace(head, rgba=np.minimum(rgba, np.array([255, 255, 255, 1], np.float32)))


def wearing_mask(head: Head, colour: tuple[float, float, float] = (196, 216, 226)) -> Head:
    """The head with a pleated face mask over nose, mouth and chin, and its straps."""
    alpha, shade = _mask_shape(head)
    rgba = head.rgba.copy()
    cover = alpha[..., None]
    rgba[..., :3] = rgba[..., :3] * (1 - cover) + np.asarray(colour, np.float32) * shade[..., None] * cover
    rgba[..., 3] = np.maximum(rgba[..., 3], alpha)
    return replace(head, rgba=rgba)


# A worn mask in (right, down): right in distances between the eyes, down in lengths from the eyes to the mouth.
_MASK_EDGE: Final = (
    (0.0, 0.24), (0.3, 0.3), (0.62, 0.4), (0.95, 0.38), (0.96, 0.95), (0.78, 1.4), (0.42, 1.78), (0.0, 1.88),
    (-0.42, 1.78), (-0.78, 1.4), (-0.96, 0.95), (-0.95, 0.38), (-0.62, 0.4), (-0.3, 0.3),
)  # fmt: skip


def _mask_shape(head: Head) -> tuple[Floats, Floats]:
    """Alpha and brightness of the mask, both [height, width]."""
    origin = np.asarray(head.between_eyes)
    right, down = np.subtract(head.eyes[1], head.eyes[0]), np.subtract(head.mouth, head.between_eyes)

    def at(points: Sequence[Point]) -> npt.NDArray[np.int32]:
        p = np.array(points, np.float64)
        return np.rint(origin + p[:, :1] * right + p[:, 1:] * down).astype(np.int32)

    height, width = head.rgba.shape[:2]
    alpha = np.zeros((height, width), np.float32)
    cv2.fillPoly(alpha, [np.rint(smooth_outline(at(_MASK_EDGE).astype(np.float64))).astype(np.int32)], (1.0,))
    for side in (-1, 1):
        cv2.polylines(alpha, [at([(side * 0.92, 0.55), (side * 1.2, 0.1)])], False, (0.8,), 2, cv2.LINE_AA)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    across = ((x - origin[0]) * right[0] + (y - origin[1]) * right[1]) / float(right @ right)
    below = ((x - origin[0]) * down[0] + (y - origin[1]) * down[1]) / float(down @ down)
    shade = np.asarray(1.02 - 0.3 * across**2 - 0.16 * np.maximum(below - 1, 0), np.float32)
    for pleat in (0.8, 1.1, 1.4):
        shade -= 0.14 * np.exp(-(((below - pleat + 0.06 * across**2) / 0.035) ** 2))
    return cv2.GaussianBlur(alpha, (0, 0), 0.9), np.asarray(shade, np.float32)
