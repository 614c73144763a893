"""A small canvas with soft shapes, smooth noise and paint laid over paint."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]


class Canvas:
    """`x` and `y` [height, width] are in units from the centre, right and down; `rgb` is painted on."""

    def __init__(self, width: int, height: int, unit_px: float, seed: int) -> None:
        self._rng = np.random.default_rng(seed)
        self._unit, self._centre = unit_px, (width / 2, height / 2)
        y, x = np.mgrid[0:height, 0:width].astype(np.float32)
        self.x: Array = np.asarray((x - width / 2) / unit_px, np.float32)
        self.y: Array = np.asarray((y - height / 2) / unit_px, np.float32)
        self.rgb: Array = np.zeros((height, width, 3), np.float32)

    def pixel(self, x: float, y: float) -> tuple[float, float]:
        """Where a point lies in the picture."""
        return self._centre[0] + x * self._unit, self._centre[1] + y * self._unit

    def paint(self, colour: tuple[float, ...], much: npt.NDArray[np.floating]) -> None:
        """Lay a colour over the picture, as opaque, 0..1, as `much` says."""
        cover = np.clip(much, 0, 1)[..., None].astype(np.float32)
        self.rgb += cover * (np.asarray(colour, np.float32) - self.rgb)

    def noise(self, down_px: int, across_px: int) -> Array:
        """−1..1 in smooth grains of a size."""
        height, width = self.x.shape
        small = self._rng.uniform(-1, 1, (height // down_px + 2, width // across_px + 2)).astype(np.float32)
        return np.asarray(cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)

    def hill(self, x: float, y: float, wide: float, high: float) -> Array:
        """A Gaussian of height 1."""
        return np.asarray(np.exp(-(((self.x - x) / wide) ** 2) - ((self.y - y) / high) ** 2), np.float32)

    def ellipse(self, x: float, y: float, wide: float, high: float, soft: float = 0.03) -> Array:
        """1 inside, 0 outside, with a soft edge."""
        r = np.sqrt(((self.x - x) / wide) ** 2 + ((self.y - y) / high) ** 2)
        return step((1 - r) * min(wide, high), soft)


def step(inside: npt.NDArray[np.floating], soft: float) -> Array:
    """0 where `inside` is well below 0, 1 where it is well above, a ramp of width `soft` between."""
    return np.asarray(np.clip(inside / soft + 0.5, 0, 1), np.float32)
