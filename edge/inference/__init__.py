"""What a loaded model is to the rest of the program: an array goes in, named arrays come out.

The session knows the hardware and the number format; what the numbers mean, the model in edge/models knows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from shared.errors import CairnError

Array = npt.NDArray[Any]
Floats = npt.NDArray[np.float32]


class InferenceError(CairnError):
    """A model cannot be loaded or run on this machine."""


class NoRuntime(InferenceError):
    """No LiteRT is installed."""


class BadModelFile(InferenceError):
    """The file is no model that the runtime understands."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """A model's input. A real value r is stored as round(r / scale + zero_point); floats have scale 1 and zero 0."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    scale: float = 1.0
    zero_point: int = 0

    def store(self, real: Floats) -> Array:
        """Real values in the model's own number format."""
        if self.dtype.kind == "f":
            return real.astype(self.dtype)
        limits = np.iinfo(self.dtype)
        steps = np.rint(real / self.scale) + self.zero_point
        stored: Array = np.clip(steps, limits.min, limits.max).astype(self.dtype)
        return stored


class Session(Protocol):
    """One loaded model with one input; not to be shared between threads."""

    @property
    def input(self) -> TensorSpec: ...

    def run(self, stored: Array) -> Mapping[str, Floats]:
        """Outputs by name, as real values; `stored` has the input's shape and dtype."""
