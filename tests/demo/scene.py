"""A fixed camera above flat ground: where a point appears in its picture, and what stands behind the people."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Array = npt.NDArray[np.float64]
Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class View:
    """A pinhole camera looking north: the same mounting as a box's [camera.ground] settings."""

    width: int = 800
    height: int = 600
    height_m: float = 2.4
    tilt_deg: float = 12.0
    focal_px: float = 1150.0

    def project(self, right_m: float, up_m: float, ahead_m: float) -> tuple[float, float, float]:
        """(x, y) in pixels and the depth along the optical axis in metres."""
        sin, cos = math.sin(math.radians(self.tilt_deg)), math.cos(math.radians(self.tilt_deg))
        below = self.height_m - up_m
        depth = ahead_m * cos + below * sin
        down = below * cos - ahead_m * sin
        return (
            self.width / 2 + self.focal_px * right_m / depth,
            self.height / 2 + self.focal_px * down / depth,
            depth,
        )

    def ground(self) -> tuple[Array, Array]:
        """Metres right and ahead of the ground seen by each pixel, [height, width]; NaN above the horizon."""
        sin, cos = math.sin(math.radians(self.tilt_deg)), math.cos(math.radians(self.tilt_deg))
        v, u = np.mgrid[0 : self.height, 0 : self.width]
        x, y = (u - self.width / 2) / self.focal_px, (v - self.height / 2) / self.focal_px
        falls = sin + y * cos
        depth = np.where(falls > 1e-3, self.height_m / np.maximum(falls, 1e-3), np.nan)
        return x * depth, depth * (cos - y * sin)


@dataclass(frozen=True, slots=True)
class Look:
    """How a place looks: the ground and its tiles, the wall behind it, its openings and the light."""

    ground: Colour
    tile_m: float
    wall: Colour
    wall_ahead_m: float
    openings: tuple[tuple[float, float, float, float, Colour], ...]  # left, right, bottom, top in metres on the wall
    light: tuple[float, float, float] = (1.0, 1.0, 1.0)
    sun_side: float = 0.15
    noise: float = 4.0
    seed: int = 1


def backdrop(view: View, look: Look) -> Floats:
    """The empty scene, RGB float32 [height, width, 3], 0..255."""
    rng = np.random.default_rng(look.seed)
    right, ahead = view.ground()
    on_ground = np.isfinite(ahead) & (ahead < look.wall_ahead_m)
    rgb = np.ones((view.height, view.width, 3), np.float32) * np.asarray(look.wall, np.float32)
    rgb *= _texture(rng, view, 3, 0.05)[..., None] * _texture(rng, view, 60, 0.06)[..., None]
    for left, right_m, bottom, top, colour in look.openings:
        _opening(rgb, view, look.wall_ahead_m, (left, right_m, bottom, top), colour)
    tiles = np.asarray(look.ground, np.float32) * _tiles(right, ahead, look.tile_m, rng)[..., None]
    rgb = np.where(on_ground[..., None], tiles * _texture(rng, view, 2, 0.06)[..., None], rgb).astype(np.float32)
    base = view.project(0, 0, look.wall_ahead_m)[1]
    rows = np.arange(view.height, dtype=np.float32)
    rgb *= (1 - 0.35 * np.exp(-(((rows - base) / 14) ** 2)))[:, None, None]  # dirt and shade where wall meets ground
    ramp = 1 + look.sun_side * np.linspace(-1, 1, view.width, dtype=np.float32)
    return np.asarray(np.clip(rgb * ramp[None, :, None] * np.asarray(look.light, np.float32), 0, 255), np.float32)


def _opening(rgb: Floats, view: View, ahead: float, box: tuple[float, float, float, float], colour: Colour) -> None:
    """A door or a window: frame, pane, and a reflection that fades downwards."""
    left, right, bottom, top = box
    corners = [view.project(x, y, ahead)[:2] for x, y in ((left, top), (right, top), (right, bottom), (left, bottom))]
    points = np.rint(np.array(corners)).astype(np.int32)
    cv2.fillPoly(rgb, [points], tuple(float(c) for c in colour), cv2.LINE_AA)
    (x1, y1), (x2, y2) = points.min(axis=0), points.max(axis=0)
    x1, y1 = max(x1, 0), max(y1, 0)
    pane = rgb[y1:y2, x1:x2]
    if pane.size:
        pane *= np.linspace(1.25, 0.75, pane.shape[0], dtype=np.float32)[:, None, None]
    cv2.polylines(rgb, [points], True, (46.0, 44.0, 42.0), 5, cv2.LINE_AA)


def _tiles(right: Array, ahead: Array, tile_m: float, rng: np.random.Generator) -> Floats:
    """Brightness of paving: each tile a little different, dark joints that vanish with distance."""
    i, j = np.nan_to_num(np.floor(right / tile_m)), np.nan_to_num(np.floor(ahead / tile_m))
    tones = rng.uniform(0.9, 1.08, (64, 64))
    tone = tones[i.astype(int) % 64, j.astype(int) % 64]
    edge = np.maximum(np.abs(right / tile_m - i - 0.5), np.abs(ahead / tile_m - j - 0.5))
    joint = np.clip((edge - 0.47) / 0.02, 0, 1) * np.clip(1.6 - np.nan_to_num(ahead, nan=99.0) / 8, 0, 1)
    return np.asarray(tone * (1 - 0.3 * joint), np.float32)


def _texture(rng: np.random.Generator, view: View, grain_px: int, much: float) -> Floats:
    small = rng.normal(1, much, (view.height // grain_px + 2, view.width // grain_px + 2)).astype(np.float32)
    return np.asarray(cv2.resize(small, (view.width, view.height), interpolation=cv2.INTER_CUBIC), np.float32)
