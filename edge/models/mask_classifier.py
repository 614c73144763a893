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
# How much more than the face the model is shown, in shares of the box. The box ends on the mask, and a mask that goes
# on out of the picture is often taken for none.
_SIDES, _ABOVE, _BELOW = 0.10, 0.40, 0.20
# The model is slow to believe in a mask: where it says 0.2, one is as likely as not, on whole faces and at 48 pixels.
_EVEN: Final = 0.2


class MaskClassifier:
    """Says how likely it is that a mask is worn."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._table = PixelTable(session.input, mean=(0.5,), deviation=(0.5,))

    def worn(self, rgb: Picture, face: Face) -> float | None:
        """The probability 0..1 that a mask is worn; none where the face lies outside the picture."""
        x1, y1, x2, y2 = face.box
        width, height = x2 - x1, y2 - y1
        wanted = np.array([x1 - _SIDES * width, y1 - _ABOVE * height, x2 + _SIDES * width, y2 + _BELOW * height])
        crop = cut(rgb, wanted, (8, 8))
        if crop is None:
            return None
        side = self._session.input.shape[1]
        likely = self._session.run(self._table(resize(crop, side, side)))[_OUTPUT][0]
        return calibrated(float(likely[0]))


def calibrated(told: float) -> float:
    """The probability that the model's answer stands for: its odds, over its odds where masks and bare faces part."""
    odds = told * (1 - _EVEN)
    return odds / (odds + (1 - told) * _EVEN)
