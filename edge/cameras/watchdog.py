"""Notices a camera that still sends pictures but sees nothing: black, covered, or the same picture for too long."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from edge.cameras import Frame

FROZEN_AFTER: Final = timedelta(seconds=30)
_STEP: Final = 8  # every 8th pixel is enough to tell a live picture from a stuck one
_DARK_MEAN: Final = 8.0
_FLAT_DEVIATION: Final = 3.0


class CameraState(StrEnum):
    """What the pictures say about the camera; `lost` is said when there are none."""

    SEEING = "seeing"
    BLIND = "blind"
    FROZEN = "frozen"
    LOST = "lost"


class Watchdog:
    """Looks at each frame. A real sensor's noise changes some pixel at once, so a repeated picture is a stuck one."""

    def __init__(self) -> None:
        self._last: npt.NDArray[np.uint8] | None = None
        self._changed_at: datetime | None = None
        self.state = CameraState.SEEING

    def look(self, frame: Frame) -> CameraState:
        """The state after this frame."""
        small = frame.rgb[::_STEP, ::_STEP]
        if self._last is None or small.shape != self._last.shape or not np.array_equal(small, self._last):
            self._last, self._changed_at = small.copy(), frame.time
        self.state = self._judge(small, frame.time)
        return self.state

    def _judge(self, small: npt.NDArray[np.uint8], now: datetime) -> CameraState:
        if self._changed_at is not None and now - self._changed_at >= FROZEN_AFTER:
            return CameraState.FROZEN
        if small.mean() < _DARK_MEAN or small.std() < _FLAT_DEVIATION:
            return CameraState.BLIND
        return CameraState.SEEING
