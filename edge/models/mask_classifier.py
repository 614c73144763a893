"""Tells whether a face mask is worn, with MobileNetV2 trained on faces with and without.

It knows no third state: a mask below the nose is taken for one or the other, so `incorrect` is never said.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from edge.inference import Session
from edge.inference.pixels import PixelTable
from edge.pictures import cut, resize
from edge.vision import Face, MaskVote, Picture
from shared.face_mask import FaceMask

MODEL: Final = "mask_mnv2_int8"
# The model says "no mask" too readily. From here on it is taken to mean a mask; 0.2 to 0.3 do equally well.
WORN_FROM: Final = 0.25

_OUTPUT: Final = "StatefulPartitionedCall:0"
_SIDES, _ABOVE, _BELOW = 0.25, 0.40, 0.25  # how much more than the face the model is shown, in shares of the box
_LEAST_SURE: Final = 0.2
_SMALLEST_EYES_PX: Final = 12.0  # faces of about 30 pixels; below, a mask cannot be told from a shadow


class MaskClassifier:
    """A face and its mirror image are asked, and the answers averaged."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._table = PixelTable(session.input, mean=(0.5,), deviation=(0.5,))

    def worn(self, rgb: Picture, face: Face) -> float | None:
        """0..1, to be compared with WORN_FROM; none where the face lies outside the picture."""
        x1, y1, x2, y2 = face.box
        width, height = x2 - x1, y2 - y1
        wanted = [x1 - _SIDES * width, y1 - _ABOVE * height, x2 + _SIDES * width, y2 + _BELOW * height]
        crop = cut(rgb, np.array(wanted), (8, 8))
        if crop is None:
            return None
        side = self._session.input.shape[1]
        seen = resize(crop, side, side)
        return (self._look(seen) + self._look(np.ascontiguousarray(seen[:, ::-1]))) / 2

    def judge(self, rgb: Picture, face: Face) -> MaskVote:
        """Worn or absent, and how sure that is; unknown where the face is too small or the answer in the middle."""
        worn = self.worn(rgb, face)
        if worn is None or face.eye_distance < _SMALLEST_EYES_PX:
            return MaskVote(FaceMask.UNKNOWN, _LEAST_SURE)
        sure = (worn - WORN_FROM) / (1 - WORN_FROM) if worn > WORN_FROM else (WORN_FROM - worn) / WORN_FROM
        if sure < _LEAST_SURE:
            return MaskVote(FaceMask.UNKNOWN, _LEAST_SURE)
        return MaskVote(FaceMask.WORN if worn > WORN_FROM else FaceMask.ABSENT, sure)

    def _look(self, picture: Picture) -> float:
        return float(self._session.run(self._table(picture))[_OUTPUT][0][0])
