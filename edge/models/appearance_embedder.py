"""A person's shape and clothing become a direction in 640 dimensions.

The middle of MobileNetV2 (arXiv:1801.04381), averaged in four stripes from head to foot because clothes are worn in
layers.
"""

from __future__ import annotations

from typing import Final

from edge.inference import Session
from edge.inference.pixels import PixelTable
from edge.models.face_embedder import unit
from edge.pictures import resize
from edge.vision import Floats, Picture

MODEL: Final = "appearance_float"
INT8_MODEL: Final = "appearance_int8"  # for comparison: it loses too much

_OUTPUT: Final = "features"
_STRIPES: Final = 4
# Mean and deviation of the pictures on which it was trained, ImageNet.
_MEAN: Final = (0.485, 0.456, 0.406)
_DEVIATION: Final = (0.229, 0.224, 0.225)


class AppearanceEmbedder:
    """Takes pictures of one whole person."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._table = PixelTable(session.input, _MEAN, _DEVIATION)

    def embed(self, rgb: Picture) -> Floats:
        """A unit vector [640]."""
        _, height, width, _ = self._session.input.shape
        features = self._session.run(self._table(resize(rgb, width, height)))[_OUTPUT][0]
        rows, columns, channels = features.shape
        striped: Floats = features.reshape(_STRIPES, rows // _STRIPES * columns, channels).mean(axis=1)
        return unit(striped.reshape(-1))
