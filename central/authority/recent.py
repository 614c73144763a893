"""The shares that an authority made last, for a few seconds: cases that are searched for together ask for the same.

Ten cases of a whole city ask ten times for the same half a million; making them takes longer than opening the batches.
What is kept is less than the day secrets that the authority holds, and is overwritten when a day is destroyed or the
seconds are over, so that no share outlives its day.
"""

from __future__ import annotations

import threading
from collections.abc import Hashable

import numpy as np
import numpy.typing as npt

KEPT_S = 5.0


class RecentShares:
    """One answer of each kind. Thread-safe."""

    def __init__(self, kept_s: float = KEPT_S) -> None:
        self._kept_s = kept_s
        self._lock = threading.Lock()
        self._kept: dict[Hashable, tuple[Hashable, npt.NDArray[np.uint8]]] = {}
        self._timer: threading.Timer | None = None

    def get(self, kind: Hashable, asked: Hashable) -> npt.NDArray[np.uint8] | None:
        """A copy of the answer to the same question, or None."""
        with self._lock:
            known, array = self._kept.get(kind, (None, None))
            return None if array is None or known != asked else array.copy()

    def put(self, kind: Hashable, asked: Hashable, array: npt.NDArray[np.uint8]) -> None:
        with self._lock:
            self._overwrite(kind)
            self._kept[kind] = asked, array.copy()
            if self._timer is not None:
                self._timer.cancel()
            self._timer = threading.Timer(self._kept_s, self.forget)
            self._timer.daemon = True
            self._timer.start()

    def forget(self) -> None:
        """Overwrite everything."""
        with self._lock:
            for kind in list(self._kept):
                self._overwrite(kind)

    def _overwrite(self, kind: Hashable) -> None:
        _, array = self._kept.pop(kind, (None, None))
        if array is not None:
            array.fill(0)
