"""A learned turn of embeddings, x → (x − mean)·matrix: a small second model, with a card like any other."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import numpy as np

from edge.inference import BadModelFile
from edge.models.catalogue import WEIGHTS, read_model
from edge.vision import Floats


@dataclass(frozen=True, slots=True, eq=False)
class LinearMap:
    """`mean` [n], `matrix` [n, m]."""

    mean: Floats = field(repr=False)
    matrix: Floats = field(repr=False)

    def __call__(self, x: Floats) -> Floats:
        """The image of x [n], at length 1."""
        turned = (x - self.mean) @ self.matrix
        return (turned / max(float(np.linalg.norm(turned)), 1e-12)).astype(np.float32)


def open_map(name: str, folder: Path = WEIGHTS) -> LinearMap:
    """A map checked against its card. Raises InferenceError kinds."""
    return load_map(read_model(name, folder))


def load_map(content: bytes) -> LinearMap:
    """An .npz archive with `mean` and `matrix`. Raises BadModelFile."""
    try:
        with np.load(BytesIO(content), allow_pickle=False) as arrays:
            mean, matrix = arrays["mean"].astype(np.float32), arrays["matrix"].astype(np.float32)
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile):
        raise BadModelFile("a linear map cannot be read", hint="reinstall the edge package") from None
    if mean.ndim != 1 or matrix.ndim != 2 or len(mean) != len(matrix):
        raise BadModelFile("the parts of a linear map do not fit together", hint="reinstall the edge package")
    return LinearMap(mean, matrix)
