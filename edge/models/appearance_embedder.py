"""A person's shape and clothing become a direction in 1,280 dimensions, with MobileNetV2 (arXiv:1801.04381)."""

from __future__ import annotations

from typing import Final

from edge.inference import Session
from edge.inference.pixels import PixelTable
from edge.models.face_embedder import unit
from edge.pictures import resize
from edge.vision import Floats, Picture

MODEL: Final = "reid_mnv2_float"
DIMENSIONS: Final = 1280

_OUTPUT: Final = "PartitionedCall:0"
# Mean and deviation of the pictures on which it was trained, ImageNet.
_MEAN: Final = (0.485, 0.456, 0.406)
_DEVIATION: Final = (0.229, 0.224, 0.225)


class AppearanceEmbedder:
    """Takes pictures of one whole person."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._table = PixelTable(session.input, _MEAN, _DEVIATION)

    def embed(self, rgb: Picture) -> Floats:
        """A unit vector [1280]."""
        _, height, width, _ = self._session.input.shape
        return unit(self._session.run(self._table(resize(rgb, width, height)))[_OUTPUT][0])
