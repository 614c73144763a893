"""Faces of nobody: a height map of a head under a light, with eyes, mouth, hair and the rest painted on it."""

from __future__ import annotations

from functools import cache
from typing import Final

import cv2
import numpy as np

from tests.demo.canvas import Array, Canvas, step
from tests.demo.face_features import Features, features
from tests.demo.heads import Head

_UNIT_PX: Final = 64.0  # half the width of a face
_WIDTH, _HEIGHT = 200, 256
_SIDES: Final = (-1.0, 1.0)


@cache
def made_head(seed: int) -> Head:
    """The head of the made-up person `seed`, seen from the front."""
    face, canvas = features(seed), Canvas(_WIDTH, _HEIGHT, _UNIT_PX, seed + 1000)
    skull, hair = _skull(face, canvas), _hair(face, canvas)
    shade = _shade(_relief(face, canvas) + face.wrinkles * _folds(face, canvas), face.light)
    _skin(face, canvas)
    for side in _SIDES:
        _eye(face, canvas, side)
    _mouth(face, canvas)
    canvas.rgb *= shade[..., None]
    _draw_hair(face, canvas, hair, shade)
    _wear(face, canvas)
    alpha = np.clip(np.maximum(skull, hair), 0, 1)[..., None]
    rgba = np.concatenate([np.clip(canvas.rgb, 0, 255) * alpha, alpha], axis=2).astype(np.float32)
    left, right = (canvas.pixel(side * face.eyes_apart / 2, face.eye_y) for side in _SIDES)
    return Head(rgba, (left, right), canvas.pixel(0, face.mouth_y))


def _half_width(face: Features, canvas: Canvas) -> Array:
    """Half the width of the face at each row: full at the cheekbones, narrower at the jaw."""
    down = np.clip(canvas.y / face.long, -1, 1)
    rounded = np.sqrt(np.clip(1 - np.abs(down) ** 2.4, 0, 1))
    return np.asarray(rounded * np.where(down > 0, 1 - (1 - face.jaw) * down, 1), np.float32)


def _skull(face: Features, canvas: Canvas) -> Array:
    skull = step(_half_width(face, canvas) - np.abs(canvas.x), 0.03) * (np.abs(canvas.y) < face.long)
    left, right = (canvas.ellipse(side, face.eye_y + 0.22, 0.1, 0.25) for side in _SIDES)
    return np.asarray(np.maximum(skull, np.maximum(left, right)), np.float32)


def _hair(face: Features, canvas: Canvas) -> Array:
    """How much of each pixel is hair: above the hairline, and down the sides as far as it is long."""
    if face.hairline is None:
        return np.zeros_like(canvas.x)
    crown = canvas.ellipse(0, -0.25, 1.12 + 0.12 * min(face.hair_down, 1), face.long * 0.95, 0.05)
    above = step(face.hairline + 0.35 * canvas.x**2 + 0.06 * canvas.noise(6, 14) - canvas.y, 0.06) * crown
    wide = 1.08 + 0.1 * face.hair_down
    beside = step(np.abs(canvas.x) - 0.88, 0.06) * step(wide - np.abs(canvas.x), 0.06)
    reach = step(face.eye_y + face.hair_down - canvas.y, 0.12) * step(canvas.y + 0.45, 0.2)
    return np.asarray(np.maximum(above, beside * reach), np.float32)


def _relief(face: Features, canvas: Canvas) -> Array:
    """Depth towards the camera, in half widths of the face."""
    half = np.maximum(_half_width(face, canvas), 0.05)
    across = np.sqrt(np.clip(1 - (canvas.x / (half * 1.03)) ** 2, 0, 1))
    z = 0.85 * across * np.sqrt(np.clip(1.05 - (canvas.y / face.long) ** 2, 0, 1))
    tip = face.eye_y + face.nose_long
    along = np.clip((canvas.y - face.eye_y) / face.nose_long, 0, 1)
    ridge = np.exp(-((canvas.x / (0.09 + face.nose_wide * 0.35 * along)) ** 2)) * along * (canvas.y < tip + 0.06)
    z = z + 0.26 * cv2.GaussianBlur(ridge.astype(np.float32), (0, 0), 2.0)
    for side in _SIDES:
        x = side * face.eyes_apart / 2
        z = z - 0.13 * canvas.hill(x, face.eye_y, 0.25, 0.15) + 0.05 * canvas.hill(x, face.eye_y - 0.24, 0.3, 0.09)
        z = z + (0.07 + 0.2 * face.smile) * canvas.hill(side * 0.52, face.eye_y + 0.48, 0.26, 0.24)
        z = z + 0.07 * canvas.hill(side * face.nose_wide * 0.8, tip, 0.08, 0.08)
    lips, chin = canvas.hill(0, face.mouth_y, face.mouth_wide, 0.16), canvas.hill(0, face.long * 0.85, 0.25, 0.14)
    return np.asarray(z + 0.06 * lips + 0.07 * chin, np.float32)


def _folds(face: Features, canvas: Canvas) -> Array:
    """Lines from the nose to the corners of the mouth, across the brow and under the eyes, as depth below 0."""
    total = np.zeros_like(canvas.x)
    for side in _SIDES:
        middle = side * (face.nose_wide + 0.14 + 0.35 * np.clip(canvas.y - face.eye_y - face.nose_long, -0.1, 0.5))
        between = step(canvas.y - face.eye_y - face.nose_long + 0.1, 0.1) * step(face.mouth_y + 0.15 - canvas.y, 0.1)
        total -= np.exp(-(((canvas.x - middle) / 0.035) ** 2)) * between
        total -= 0.7 * canvas.hill(side * face.eyes_apart / 2, face.eye_y + face.eye_size * 1.25, 0.22, 0.03)
    for row in (0.42, 0.55):
        total -= 0.4 * canvas.hill(0, face.eye_y - row, 0.45, 0.025)
    return total


def _shade(z: Array, side: float) -> Array:
    """Brightness under a light from above and from `side`, with some light all around (Lambert)."""
    dy, dx = np.gradient(z * np.float32(_UNIT_PX))
    light = np.array([side, -0.5, 0.8]) / np.linalg.norm([side, -0.5, 0.8])
    lambert = np.clip((-dx * light[0] - dy * light[1] + light[2]) / np.sqrt(dx**2 + dy**2 + 1), 0, 1)
    return np.asarray(cv2.GaussianBlur((0.42 + 0.68 * lambert).astype(np.float32), (0, 0), 1.2), np.float32)


def _skin(face: Features, canvas: Canvas) -> None:
    red, green, blue = face.skin
    canvas.rgb[:] = face.skin
    canvas.rgb *= (1 + 0.03 * canvas.noise(5, 5) + 0.04 * canvas.noise(40, 40))[..., None]
    for side in _SIDES:
        canvas.paint((red, green * 0.8, blue * 0.78), 0.35 * canvas.hill(side * 0.55, 0.38, 0.25, 0.2))
        nostril = canvas.ellipse(side * face.nose_wide * 0.55, face.eye_y + face.nose_long + 0.05, 0.055, 0.03)
        canvas.paint((red * 0.3, green * 0.2, blue * 0.2), 0.8 * nostril)
    if face.beard:
        cheeks = step(canvas.y - face.mouth_y + 0.2, 0.12) * step(np.abs(canvas.x) - 0.42, 0.25)
        chin = step(canvas.y - face.mouth_y - 0.14, 0.1)
        canvas.paint(face.hair, face.beard * np.maximum(cheeks, chin) * (0.75 + 0.25 * canvas.noise(3, 2)))


def _eye(face: Features, canvas: Canvas, side: float) -> None:
    x, y, size = side * face.eyes_apart / 2, face.eye_y, face.eye_size
    red, green, blue = face.skin
    canvas.paint((red * 0.55, green * 0.45, blue * 0.42), 0.45 * canvas.hill(x, y - 0.04, size * 1.35, size * 0.85))
    upper, lower = (canvas.ellipse(x, y + shift * size, size, size * 0.82) for shift in (0.3, -0.3))
    opening = upper * lower
    canvas.paint((226, 220, 214), opening)
    canvas.paint(face.iris, opening * canvas.ellipse(x, y, size * 0.48, size * 0.48))
    canvas.paint((10, 8, 8), opening * canvas.ellipse(x, y, size * 0.22, size * 0.22))
    canvas.paint((250, 250, 250), canvas.ellipse(x - size * 0.15, y - size * 0.18, size * 0.1, size * 0.1))
    outer = canvas.ellipse(x, y + 0.26 * size, size * 1.08, size * 0.92)
    lashes = np.clip(outer - canvas.ellipse(x, y + 0.36 * size, size, size * 0.86), 0, 1)
    canvas.paint((24, 16, 14), 0.8 * lashes)
    tilt = face.brow_tilt * (np.abs(canvas.x) - face.eyes_apart / 2) / 0.25
    brow_y = y - size - 0.1 - tilt + 0.9 * (canvas.x - x) ** 2
    brow = step(face.brow_thick - np.abs(canvas.y - brow_y), 0.04) * step(size * 1.35 - np.abs(canvas.x - x), 0.08)
    canvas.paint(face.hair, 0.85 * brow * (0.85 + 0.15 * canvas.noise(2, 3)))


def _mouth(face: Features, canvas: Canvas) -> None:
    """Lips whose corners rise with the smile, and teeth where it is a broad one."""
    wide = face.mouth_wide * (1 + 1.2 * max(face.smile, 0))
    across = np.clip(np.abs(canvas.x) / wide, 0, 1)
    y = canvas.y - face.mouth_y + face.smile * across**2
    thick = face.lips * np.sqrt(1 - across**2)
    bow = 0.3 * face.lips * np.cos(2 * np.pi * across)
    canvas.paint(tuple(0.85 * c for c in face.lip), step(-y, 0.03) * step(y + thick + bow, 0.04) * (across < 1))
    canvas.paint(face.lip, step(y, 0.03) * step(1.5 * thick - y, 0.04) * (across < 1))
    gap = 0.018 + max(0.0, face.smile - 0.07) * 0.8
    open_ = step(gap * np.sqrt(1 - across**2) - np.abs(y - gap / 2), 0.03) * (across < 1)
    canvas.paint((232, 226, 216) if gap > 0.03 else tuple(0.25 * c for c in face.lip), 0.9 * open_)


def _draw_hair(face: Features, canvas: Canvas, hair: Array, shade: Array) -> None:
    strands = 0.9 + 0.45 * (canvas.noise(40, 3) * 0.5 + canvas.noise(9, 9) * 0.3) + 0.35 * shade
    cover = hair[..., None]
    canvas.rgb += cover * (np.asarray(face.hair, np.float32) * strands[..., None] * 0.8 - canvas.rgb)


def _wear(face: Features, canvas: Canvas) -> None:
    """Glasses and a cap."""
    if face.glasses:
        radius = 0.32
        for side in _SIDES:
            x = side * face.eyes_apart / 2
            rim = canvas.ellipse(x, face.eye_y, radius, radius * 0.8)
            inner = canvas.ellipse(x, face.eye_y, radius - face.glasses, radius * 0.8 - face.glasses)
            canvas.paint((34, 30, 30), np.clip(rim - inner, 0, 1))
            canvas.paint((210, 220, 226), 0.12 * inner)
        bridge = step(0.02 - np.abs(canvas.y - face.eye_y + 0.04), 0.02)
        arms = step(np.abs(canvas.x) - face.eyes_apart / 2 - radius, 0.02)
        between = step(face.eyes_apart / 2 - radius - np.abs(canvas.x), 0.02)
        canvas.paint((34, 30, 30), bridge * np.maximum(arms, between) * (np.abs(canvas.x) < 0.98))
    if face.cap and face.hairline is not None:
        line = min(face.hairline, -0.5) + 0.1 + 0.12 * canvas.x**2
        canvas.paint(face.cap, step(line - canvas.y, 0.04) * (1 - 0.2 * np.abs(canvas.x)))
        canvas.paint(tuple(0.5 * c for c in face.cap), step(0.05 - np.abs(canvas.y - line), 0.04))
