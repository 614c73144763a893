"""Tells whether a face mask is worn, with MobileNetV2 trained on faces with and without."""

from __future__ import annotations

from typing import Final

import numpy as np

from edge.inference import Session
from edge.inference.pixels import PixelTable
from edge.pictures import cut, resize
from edge.vision import Face, Picture

MODEL: Final = "mask_mnv2_int8"

_OUTPUT: Final = "StatefulPartitionedCall:0"
_SIDES, _ABOVE = 0.10, 0.25  # how much more than the face the model is shown, in shares of the box


class MaskClassifier:
    """Says how likely it is that a mask is worn."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._table = PixelTable(session.input, mean=(0.5,), deviation=(0.5,))

    def worn(self, rgb: Picture, face: Face) -> float | None:
        """The probability 0..1 that a mask is worn; none where the face lies outside the picture."""
        x1, y1, x2, y2 = face.box
        width, height = x2 - x1, y2 - y1
        wanted = np.array([x1 - _SIDES * width, y1 - _ABOVE * height, x2 + _SIDES * width, y2])
        crop = cut(rgb, wanted, (8, 8))
        if crop is None:
            return None
        side = self._session.input.shape[1]
        likely = self._session.run(self._table(resize(crop, side, side)))[_OUTPUT][0]
        return float(likely[0])
