"""A face becomes a direction in 192 dimensions with MobileFaceNet (Chen et al. 2018, arXiv:1804.07573)."""

from __future__ import annotations

from typing import Final

import numpy as np

from edge.inference import Session
from edge.inference.pixels import PixelTable
from edge.vision import Floats, Picture

MODEL: Final = "mfn192_int8"
FLOAT_MODEL: Final = "mfn192_float"  # for comparison, never on a camera

_OUTPUT: Final = "embeddings"


class FaceEmbedder:
    """Takes aligned faces. A face and its mirror image are the same person, so their mean is steadier than either."""

    def __init__(self, session: Session) -> None:
        self._session = session
        # The model was trained on (pixel − 127.5) / 128.
        self._table = PixelTable(session.input, mean=(0.5,), deviation=(128 / 255,))

    def embed(self, aligned: Picture) -> Floats:
        """A unit vector [192] of an aligned face [112, 112, 3]."""
        both = self._look(aligned) + self._look(np.ascontiguousarray(aligned[:, ::-1]))
        return unit(both)

    def _look(self, aligned: Picture) -> Floats:
        return unit(self._session.run(self._table(aligned))[_OUTPUT][0])


def unit(x: Floats) -> Floats:
    """A vector at length 1; the zero vector stays zero and is refused later, by the code."""
    return (x / max(float(np.linalg.norm(x)), 1e-12)).astype(np.float32)
