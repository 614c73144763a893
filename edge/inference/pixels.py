"""Pictures into a model's number format by table: 256 values a channel, made once, instead of float sums a frame."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from edge.inference import Array, TensorSpec
from edge.vision import Picture


class PixelTable:
    """Maps uint8 RGB [h, w, 3] to (pixel/255 − mean)/deviation, stored as `spec` says, with a batch axis in front.

    `mean` and `deviation` are those of one channel for all, or of red, green and blue.
    """

    def __init__(self, spec: TensorSpec, mean: Sequence[float] = (0.0,), deviation: Sequence[float] = (1.0,)) -> None:
        levels = np.arange(256, dtype=np.float32)[:, None] / np.float32(255)
        real = (levels - np.asarray(mean, np.float32)) / np.asarray(deviation, np.float32)
        table = spec.store(np.broadcast_to(real, (256, 3)).astype(np.float32))
        # OpenCV keeps the bits of signed and unsigned bytes apart, and one element of either is one byte.
        self._bytes = spec.dtype == np.int8
        self._table = np.ascontiguousarray(table).view(np.uint8 if self._bytes else table.dtype).reshape(1, 256, 3)

    def __call__(self, rgb: Picture) -> Array:
        mapped = cv2.LUT(rgb, self._table)
        return np.asarray(mapped).view(np.int8)[None] if self._bytes else np.asarray(mapped)[None]
