"""Faces of nobody: a height map of a head under a light, with drawn features whose proportions come from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tests.demo.heads import Floats, Head

_PX = 64.0  # pixels of half a face's width
_WIDTH, _HEIGHT = 192, 240
_CX, _CY = _WIDTH / 2, 120.0

Colour = tuple[float, float, float]
Array = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Features:
    """Proportions in half widths of the face (about 7 cm), colours 0..255."""

    long: float
    jaw: float
    eyes_apart: float
    eye_size: float
    eye_y: float
    nose_wide: float
    nose_long: float
    mouth_wide: float
    lips: float
    brow_thick: float
    brow_tilt: float
    hairline: float
    hair_sides: float
    beard: float
    skin: Colour
    hair: Colour
    iris: Colour
    lip: Colour


_SKINS: tuple[Colour, ...] = (
    (232, 190, 160),
    (214, 168, 134),
    (186, 136, 100),
    (142, 98, 70),
    (98, 66, 48),
    (240, 206, 180),
)
_HAIRS: tuple[Colour, ...] = ((32, 26, 24), (60, 42, 30), (24, 22, 26), (120, 110, 104), (150, 112, 66), (70, 34, 22))
_IRISES: tuple[Colour, ...] = ((60, 40, 26), (44, 30, 22), (70, 92, 110), (66, 84, 56))


def features(seed: int) -> Features:
    """The proportions of one made-up person."""
    rng = np.random.default_rng(seed)

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    skin = _SKINS[seed % len(_SKINS)]
    bald, bearded = rng.random() < 0.15, rng.random() < 0.3
    return Features(
        long=between(1.22, 1.5), jaw=between(0.62, 0.92), eyes_apart=between(0.74, 0.98), eye_size=between(0.15, 0.22),
        eye_y=between(-0.16, 0.0), nose_wide=between(0.13, 0.27), nose_long=between(0.42, 0.62),
        mouth_wide=between(0.3, 0.5), lips=between(0.05, 0.13), brow_thick=between(0.03, 0.09),
        brow_tilt=between(-0.02, 0.06), hairline=-1.2 if bald else between(-0.86, -0.55), hair_sides=between(0.0, 0.3),
        beard=between(0.35, 0.8) if bearded else 0.0, skin=skin, hair=_HAIRS[int(rng.integers(len(_HAIRS)))],
        iris=_IRISES[int(rng.integers(len(_IRISES)))], lip=(skin[0] * 0.82, skin[1] * 0.58, skin[2] * 0.58),
    )  # fmt: skip


def made_head(seed: int) -> Head:
    """The head of the made-up person `seed`, seen from the front."""
    face = features(seed)
    canvas = _Canvas(np.random.default_rng(seed + 1000))
    alpha, hair = _outline(face, canvas)
    colour = _paint(face, canvas)
    shade = _shade(_relief(face, canvas))
    rgb = colour * shade[..., None]
    strands = canvas.noise(40, 3) * 0.5 + canvas.noise(9, 9) * 0.3
    hair_rgb = np.asarray(face.hair, np.float32) * (0.9 + 0.45 * strands + 0.35 * shade)[..., None] * 0.8
    rgb = rgb * (1 - hair[..., None]) + hair_rgb * hair[..., None]
    rgba = np.concatenate([np.clip(rgb, 0, 255) * alpha[..., None], alpha[..., None]], axis=2).astype(np.float32)
    half = face.eyes_apart / 2
    eyes = (canvas.pixel(-half, face.eye_y), canvas.pixel(half, face.eye_y))
    return Head(rgba, eyes, canvas.pixel(0, _mouth_y(face)))


class _Canvas:
    """Coordinates in half widths of the face, right and down, and smooth noise."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        y, x = np.mgrid[0:_HEIGHT, 0:_WIDTH].astype(np.float32)
        self.x: Array = (x - _CX) / np.float32(_PX)
        self.y: Array = (y - _CY) / np.float32(_PX)

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        return _CX + x * _PX, _CY + y * _PX

    def noise(self, rows: int, columns: int) -> Array:
        """−1..1, `columns` and `rows` being the size of a grain in pixels down and across."""
        small = self._rng.uniform(-1, 1, (_HEIGHT // rows + 2, _WIDTH // columns + 2)).astype(np.float32)
        return np.asarray(cv2.resize(small, (_WIDTH, _HEIGHT), interpolation=cv2.INTER_CUBIC), np.float32)

    def blob(self, x: float, y: float, wide: float, high: float) -> Array:
        """A Gaussian hill."""
        return np.asarray(np.exp(-(((self.x - x) / wide) ** 2) - ((self.y - y) / high) ** 2), np.float32)

    def ellipse(self, x: float, y: float, wide: float, high: float, soft: float = 0.02) -> Array:
        """1 inside, 0 outside, with a soft edge."""
        r = np.sqrt(((self.x - x) / wide) ** 2 + ((self.y - y) / high) ** 2)
        return _step((1 - r) * min(wide, high), soft)


def _step(inside: npt.NDArray[np.floating], soft: float) -> Array:
    return np.asarray(np.clip(inside / soft + 0.5, 0, 1), np.float32)


def _mouth_y(face: Features) -> float:
    return face.eye_y + face.nose_long + 0.33


def _half_width(face: Features, canvas: _Canvas) -> Array:
    """Half the width of the face at each row: full at the cheekbones, narrower at the jaw."""
    down = np.clip(canvas.y / face.long, -1, 1)
    round_ = np.sqrt(np.clip(1 - np.abs(down) ** 2.4, 0, 1))
    return np.asarray(round_ * np.where(down > 0, 1 - (1 - face.jaw) * down, 1), np.float32)


def _outline(face: Features, canvas: _Canvas) -> tuple[Array, Array]:
    """Alpha of the head, and how much of each pixel is hair."""
    skull = _step(_half_width(face, canvas) - np.abs(canvas.x), 0.03) * (np.abs(canvas.y) < face.long)
    ears = np.maximum(*(canvas.ellipse(s * 1.0, face.eye_y + 0.22, 0.1, 0.25, 0.03) for s in (-1.0, 1.0)))
    crown = canvas.ellipse(0, -0.35, 1.08 + 0.1 * face.hair_sides, face.long * 0.86, 0.05)
    line = face.hairline + 0.35 * canvas.x**2 + 0.05 * canvas.noise(6, 14)
    above = _step(line - canvas.y, 0.06)
    beside = _step(np.abs(canvas.x) - 0.9, 0.06) * _step(face.eye_y + 2 * face.hair_sides - canvas.y, 0.1)
    hair = np.maximum(above, beside) * crown if face.hairline > -1 else np.zeros_like(skull)
    return np.asarray(np.clip(np.maximum(np.maximum(skull, ears), hair), 0, 1), np.float32), np.asarray(
        hair, np.float32
    )


def _relief(face: Features, canvas: _Canvas) -> Array:
    """Depth towards the camera, in half widths of the face."""
    half = np.maximum(_half_width(face, canvas), 0.05)
    z = (
        0.85
        * np.sqrt(np.clip(1 - (canvas.x / (half * 1.03)) ** 2, 0, 1))
        * np.sqrt(np.clip(1.05 - (canvas.y / face.long) ** 2, 0, 1))
    )
    tip = face.eye_y + face.nose_long
    along = np.clip((canvas.y - face.eye_y) / face.nose_long, 0, 1)
    ridge = np.exp(-((canvas.x / (0.09 + face.nose_wide * 0.35 * along)) ** 2)) * along * (canvas.y < tip + 0.06)
    z = z + 0.26 * cv2.GaussianBlur(ridge.astype(np.float32), (0, 0), 2.0)
    for side in (-1.0, 1.0):
        x = side * face.eyes_apart / 2
        z = z - 0.13 * canvas.blob(x, face.eye_y, 0.25, 0.15) + 0.05 * canvas.blob(x, face.eye_y - 0.24, 0.3, 0.09)
        z = z + 0.07 * canvas.blob(side * 0.52, face.eye_y + 0.48, 0.26, 0.24)
        z = z + 0.07 * canvas.blob(side * face.nose_wide * 0.8, tip, 0.08, 0.08)
    z = (
        z
        + 0.06 * canvas.blob(0, _mouth_y(face), face.mouth_wide, 0.16)
        + 0.07 * canvas.blob(0, face.long * 0.85, 0.25, 0.14)
    )
    return np.asarray(z, np.float32)


def _shade(z: Array) -> Array:
    """Brightness of a surface under a light from above and a little from the left (Lambert), with some light around."""
    dy, dx = np.gradient(z * np.float32(_PX))
    length = np.sqrt(dx**2 + dy**2 + 1)
    light = np.array([-0.25, -0.5, 0.83], np.float32)
    lambert = np.clip((-dx * light[0] - dy * light[1] + light[2]) / length, 0, 1)
    return np.asarray(cv2.GaussianBlur((0.42 + 0.68 * lambert).astype(np.float32), (0, 0), 1.2), np.float32)


def _paint(face: Features, canvas: _Canvas) -> Floats:
    """The colours of the skin and of what is drawn on it."""
    rgb = np.ones((_HEIGHT, _WIDTH, 3), np.float32) * np.asarray(face.skin, np.float32)
    rgb *= (1 + 0.03 * canvas.noise(5, 5) + 0.04 * canvas.noise(40, 40))[..., None]
    for side in (-1.0, 1.0):
        rgb = _mix(
            rgb,
            (face.skin[0], face.skin[1] * 0.8, face.skin[2] * 0.78),
            0.35 * canvas.blob(side * 0.55, 0.38, 0.25, 0.2),
        )
        rgb = _eye(rgb, face, canvas, side)
        nostril = canvas.ellipse(side * face.nose_wide * 0.55, face.eye_y + face.nose_long + 0.05, 0.055, 0.03, 0.03)
        rgb = _mix(rgb, (face.skin[0] * 0.3, face.skin[1] * 0.2, face.skin[2] * 0.2), 0.8 * nostril)
    if face.beard:
        below = _step(canvas.y - (_mouth_y(face) - 0.2 + 0.5 * np.exp(-((canvas.x / 0.35) ** 2)) * 0.0), 0.12)
        around = np.maximum(
            below * _step(np.abs(canvas.x) - 0.42, 0.25), below * _step(canvas.y - _mouth_y(face) - 0.14, 0.1)
        )
        rgb = _mix(rgb, face.hair, face.beard * around * (0.75 + 0.25 * canvas.noise(3, 2)))
    return _mouth(rgb, face, canvas)


def _eye(rgb: Floats, face: Features, canvas: _Canvas, side: float) -> Floats:
    x, y, size = side * face.eyes_apart / 2, face.eye_y, face.eye_size
    dark = (face.skin[0] * 0.55, face.skin[1] * 0.45, face.skin[2] * 0.42)
    rgb = _mix(rgb, dark, 0.45 * canvas.blob(x, y - 0.04, size * 1.35, size * 0.85))
    opening = canvas.ellipse(x, y - 0.3 * size, size, size * 0.82, 0.03) * canvas.ellipse(
        x, y + 0.3 * size, size, size * 0.82, 0.03
    )
    rgb = _mix(rgb, (226, 220, 214), opening)
    rgb = _mix(rgb, face.iris, opening * canvas.ellipse(x, y, size * 0.48, size * 0.48, 0.03))
    rgb = _mix(rgb, (10, 8, 8), opening * canvas.ellipse(x, y, size * 0.22, size * 0.22, 0.03))
    rgb = _mix(rgb, (250, 250, 250), canvas.ellipse(x - size * 0.15, y - size * 0.18, size * 0.1, size * 0.1, 0.03))
    lid = canvas.ellipse(x, y - 0.3 * size + 0.02, size * 1.05, size * 0.86, 0.03)
    line = np.clip(
        canvas.ellipse(x, y + 0.26 * size, size * 1.08, size * 0.92, 0.03)
        - canvas.ellipse(x, y + 0.36 * size, size, size * 0.86, 0.03),
        0,
        1,
    )
    rgb = _mix(rgb, (24, 16, 14), 0.85 * line * np.maximum(lid, 0.6))
    brow_y = (
        y
        - size
        - 0.1
        - face.brow_tilt * (np.abs(canvas.x) - face.eyes_apart / 2) / 0.25
        + 0.9 * (np.abs(canvas.x - x)) ** 2
    )
    brow = _step(face.brow_thick - np.abs(canvas.y - brow_y), 0.04) * _step(size * 1.35 - np.abs(canvas.x - x), 0.08)
    return _mix(rgb, face.hair, 0.85 * brow * (0.85 + 0.15 * canvas.noise(2, 3)))


def _mouth(rgb: Floats, face: Features, canvas: _Canvas) -> Floats:
    y, wide = _mouth_y(face), face.mouth_wide
    bow = 0.35 * face.lips * np.cos(np.clip(canvas.x / wide, -1, 1) * 2 * np.pi)
    upper = (
        canvas.ellipse(0, y, wide, face.lips * 1.1, 0.03) * (canvas.y < y) * _step(canvas.y - y + face.lips + bow, 0.04)
    )
    lower = canvas.ellipse(0, y, wide * 0.9, face.lips * 1.5, 0.04) * (canvas.y >= y)
    rgb = _mix(rgb, tuple(0.85 * c for c in face.lip), upper)
    rgb = _mix(rgb, face.lip, lower)
    line = _step(0.018 - np.abs(canvas.y - y - 0.03 * (canvas.x / wide) ** 2), 0.025) * _step(
        wide - np.abs(canvas.x), 0.05
    )
    return _mix(rgb, tuple(0.25 * c for c in face.lip), 0.9 * line)


def _mix(rgb: Floats, colour: tuple[float, ...], much: npt.NDArray[np.floating]) -> Floats:
    """`colour` laid over the picture, as opaque as `much` says."""
    cover = np.clip(much, 0, 1)[..., None].astype(np.float32)
    return np.asarray(rgb * (1 - cover) + np.asarray(colour, np.float32) * cover, np.float32)
