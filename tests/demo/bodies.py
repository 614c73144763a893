"""Bodies of walking people: a skeleton in metres, its gait, and limbs drawn as shaded round tubes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Colour = tuple[float, float, float]
Joint = tuple[float, float, float]  # metres right of the middle, up from the ground, towards the camera

PX_PER_M: Final = 260.0
PHASES: Final = 12
_WIDE_M, _HIGH_M = 1.3, 1.75
_GROUND_M: Final = 0.12  # room below the feet


@dataclass(frozen=True, slots=True)
class Clothes:
    """What a person wears, colours 0..255; `skirt_m` is how far a coat hangs below the hips."""

    top: Colour
    legs: Colour
    shoes: Colour = (38, 34, 34)
    coat_m: float = 0.0
    stripes: float = 0.0
    bag: Colour | None = None


@dataclass(frozen=True, slots=True)
class Build:
    """Height in metres to the top of the head, and girth as a factor."""

    height_m: float = 1.7
    girth: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A body without a head. `rgba` like a head's, but uint8 with alpha 0..255, because dozens of them are kept.

    `neck` is where the chin rests and `foot` stands on the ground.
    """

    rgba: npt.NDArray[np.uint8] = field(repr=False)
    neck: tuple[float, float]
    foot: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Tube:
    """A limb between two joints with a radius at each end."""

    a: Joint
    b: Joint
    ra: float
    rb: float
    colour: Colour
    flat: float = 1.0  # widens the tube across, for trunks
    stripes: float = 0.0
    over: float = 0.0  # cloth hangs over what it covers, whatever is nearer


def skeleton(build: Build, clothes: Clothes, skin: Colour, phase: float, stride: float) -> list[Tube]:
    """The limbs at `phase` 0..1 of a pair of steps, facing the camera; `stride` 1 walks, less stands and talks."""
    s, g = build.height_m / 1.7, build.girth
    turn = 2 * math.pi * phase
    swing, talks = math.sin(turn) * stride, 1 - stride
    tubes: list[Tube] = []
    for side in (-1.0, 1.0):
        tubes += _leg(side, side * swing, s, g, clothes)
        raised = talks * max(0.0, math.sin(turn + side))  # one hand, then the other
        tubes += _arm(side, -side * swing, raised, s, g, clothes, skin)
    top, bare, coat = clothes.top, (skin[0] * 0.82, skin[1] * 0.8, skin[2] * 0.8), clothes.coat_m
    hem, waist, chest = (0.0, (0.9 - coat) * s, 0.0), (0.0, 1.04 * s, 0.0), (0.0, 1.3 * s, 0.0)
    tubes.append(Tube((0.0, 1.34 * s, 0.0), (0.0, 1.46 * s, 0.0), 0.062, 0.054, bare, over=0.1))
    tubes.append(Tube(hem, waist, (0.118 + 0.1 * coat) * g, 0.1 * g, top, 1.38, clothes.stripes, 0.2))
    tubes.append(Tube(waist, chest, 0.105 * g, 0.118 * g, top, 1.5, clothes.stripes, 0.21))
    for side in (-1.0, 1.0):
        tubes.append(
            Tube((side * 0.05, 1.39 * s, 0.0), (side * 0.165 * s, 1.345 * s, 0.0), 0.058 * g, 0.062 * g, top, over=0.22)
        )
    if clothes.bag:
        tubes.append(
            Tube((0.24 * s, 0.92 * s, 0.05), (0.24 * s, 0.72 * s, 0.05), 0.09, 0.1, clothes.bag, 1.2, over=0.3)
        )
    return tubes


def _leg(side: float, swing: float, s: float, g: float, clothes: Clothes) -> list[Tube]:
    """Thigh, shin and shoe; the leg behind bends its knee as it swings forward."""
    angle, bend = 0.42 * swing, 0.25 * max(0.0, -swing) + 0.1 * abs(swing)
    hip = (side * 0.09 * s, 0.9 * s, 0.0)
    knee = (side * 0.095 * s, hip[1] - 0.43 * s * math.cos(angle), 0.43 * s * math.sin(angle))
    lower = angle - bend
    ankle = (side * 0.09 * s, knee[1] - 0.41 * s * math.cos(lower), knee[2] + 0.41 * s * math.sin(lower))
    toe = (side * 0.11 * s, ankle[1] - 0.04 * s, ankle[2] + 0.17 * s)
    return [
        Tube(ankle, toe, 0.05, 0.042, clothes.shoes),
        Tube(knee, ankle, 0.064 * g, 0.048 * g, clothes.legs),
        Tube(hip, knee, 0.092 * g, 0.068 * g, clothes.legs),
    ]


def _arm(side: float, swing: float, raised: float, s: float, g: float, clothes: Clothes, skin: Colour) -> list[Tube]:
    """Upper arm, forearm and hand; `raised` 0..1 brings the hand up before the chest."""
    angle = 0.35 * swing + 0.25 * raised
    shoulder = (side * 0.205 * s, 1.345 * s, 0.0)
    elbow = (side * 0.235 * s, shoulder[1] - 0.28 * s * math.cos(angle), 0.28 * s * math.sin(angle))
    lower = angle + 0.25 + 1.5 * raised
    wrist = (
        side * (0.23 - 0.08 * raised) * s,
        elbow[1] - 0.25 * s * math.cos(lower),
        elbow[2] + 0.25 * s * math.sin(lower),
    )
    hand = (side * (0.225 - 0.1 * raised) * s, wrist[1] - 0.09 * s * math.cos(lower), wrist[2] + 0.03 * s)
    return [
        Tube(wrist, hand, 0.036, 0.032, skin),
        Tube(elbow, wrist, 0.046 * g, 0.038 * g, clothes.top, stripes=clothes.stripes),
        Tube(shoulder, elbow, 0.06 * g, 0.047 * g, clothes.top, stripes=clothes.stripes),
    ]


@lru_cache(maxsize=128)
def draw_body(build: Build, clothes: Clothes, skin: Colour, phase_step: int, stride: float = 1.0) -> Body:
    """The body at one of PHASES steps of its gait, seen a little from above."""
    width, height = round(_WIDE_M * PX_PER_M), round((_HIGH_M * build.height_m / 1.7 + _GROUND_M) * PX_PER_M)
    lift = 0.02 * stride * (1 - abs(math.sin(2 * math.pi * phase_step / PHASES)))
    relief = _Relief(width, height, lift)
    for tube in skeleton(build, clothes, skin, phase_step / PHASES, stride):
        relief.add(tube)
    base = height - _GROUND_M * PX_PER_M
    neck = (width / 2, base - (1.44 * build.height_m / 1.7 + lift) * PX_PER_M)
    picture = relief.picture(_folds(width, height, clothes)) * np.array([1, 1, 1, 255], np.float32)
    return Body(np.rint(picture).astype(np.uint8), neck, (width / 2, base))


def _folds(width: int, height: int, clothes: Clothes) -> Floats:
    """Creases of cloth, pixels of depth: long ones down, short ones across."""
    rng = np.random.default_rng([round(c) for c in (*clothes.top, *clothes.legs)])
    total = np.zeros((height, width), np.float32)
    for down, across, deep in ((60, 14, 1.6), (16, 34, 1.5), (7, 7, 0.35)):
        grains = rng.uniform(-1, 1, (height // down + 2, width // across + 2)).astype(np.float32)
        total += deep * cv2.resize(grains, (width, height), interpolation=cv2.INTER_CUBIC)
    return total


class _Relief:
    """The surface nearest to the viewer: its depth in pixels and its colour, then the light on it."""

    def __init__(self, width: int, height: int, lift: float) -> None:
        self._lift = lift
        self._depth = np.full((height, width), -1e3, np.float32)
        self._order = np.full((height, width), -1e3, np.float32)
        self._colour = np.zeros((height, width, 3), np.float32)

    def add(self, tube: Tube) -> None:
        """Put a tube in front of whatever lies behind it."""
        height, width = self._depth.shape
        a, b = (np.array(_flat(joint, self._lift, width, height)) for joint in (tube.a, tube.b))
        ra, rb = tube.ra * PX_PER_M, tube.rb * PX_PER_M
        reach = max(ra, rb) * tube.flat + 2
        x1, y1 = np.maximum(np.floor(np.minimum(a, b) - reach), 0).astype(int)
        x2, y2 = np.minimum(np.ceil(np.maximum(a, b) + reach), (width, height)).astype(int)
        y, x = np.mgrid[y1:y2, x1:x2].astype(np.float32)
        middle = (a[0] + b[0]) / 2
        px, py, d = middle + (x - middle) / tube.flat - a[0], y - a[1], b - a
        t = np.clip((px * d[0] + py * d[1]) / max(float(d @ d), 1e-6), 0, 1)
        r = ra + (rb - ra) * t
        raised = r**2 - (px - t * d[0]) ** 2 - (py - t * d[1]) ** 2
        depth = np.sqrt(np.clip(raised, 0, None)) + PX_PER_M * (tube.a[2] + (tube.b[2] - tube.a[2]) * t)
        order = depth + PX_PER_M * tube.over
        nearer = (raised > 0) & (order > self._order[y1:y2, x1:x2])
        self._depth[y1:y2, x1:x2][nearer] = depth[nearer]
        self._order[y1:y2, x1:x2][nearer] = order[nearer]
        self._colour[y1:y2, x1:x2][nearer] = (np.asarray(tube.colour, np.float32) * _weave(tube, x, y)[..., None])[
            nearer
        ]

    def picture(self, folds: Floats) -> Floats:
        """Lit from above and a little from the left (Lambert), RGBA with a soft edge."""
        solid = (self._depth > -999).astype(np.float32)
        depth = np.where(solid > 0, self._depth + folds, self._depth[solid > 0].min() - 20).astype(np.float32)
        dy, dx = np.gradient(cv2.GaussianBlur(depth, (0, 0), 2.2))
        steep = np.sqrt(dx**2 + dy**2)
        calm = np.minimum(1, 2.0 / np.maximum(steep, 1e-6))
        lambert = (0.3 * dx * calm + 0.45 * dy * calm + 0.84) / np.sqrt((steep * calm) ** 2 + 1)
        shade = 0.36 + 0.72 * np.clip(lambert, 0, 1)
        rgba = np.concatenate(
            [np.clip(self._colour * shade[..., None], 0, 255), np.ones_like(shade)[..., None]], axis=2
        )
        return np.asarray(cv2.GaussianBlur((rgba * solid[..., None]).astype(np.float32), (0, 0), 0.8), np.float32)


def _weave(tube: Tube, x: Floats, y: Floats) -> Floats:
    """Brightness of the cloth: stripes across."""
    across = np.sin(y * (2 * np.pi / (0.09 * PX_PER_M))) > 0
    return np.asarray(1 - tube.stripes * across + 0 * x, np.float32)


def _flat(joint: Joint, lift: float, width: int, height: int) -> tuple[float, float]:
    """Where a joint is drawn: seen from about 10° above, so that what is nearer lies lower."""
    right, up, near = joint
    return width / 2 + right * PX_PER_M, height - (_GROUND_M + up + lift - 0.17 * near) * PX_PER_M
