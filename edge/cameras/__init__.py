"""What a camera is to the rest of the program: something that yields frames, each with its time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import numpy as np
import numpy.typing as npt

from shared.errors import CairnError


class CameraError(CairnError):
    """A camera, or a file standing in for one, does not give pictures."""


class CannotRead(CameraError):
    """The source is missing, or is no video and no folder of pictures."""


class BrokenVideo(CameraError):
    """The source ends early or holds a picture that does not decode."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One picture: `rgb` uint8 [height, width, 3], taken at `time` (aware UTC)."""

    rgb: npt.NDArray[np.uint8] = field(repr=False)
    time: datetime
    index: int = 0


class Camera(Protocol):
    """Yields frames in order of time until it ends or is closed."""

    @property
    def name(self) -> str: ...

    def frames(self) -> Iterator[Frame]: ...

    def close(self) -> None:
        """Ends `frames` soon; may be called from a signal handler."""
