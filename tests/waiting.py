"""Waiting on a condition, for tests and the demo, which have other processes to wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic


def wait_until(condition: Callable[[], object], what: str, seconds: float = 30.0) -> None:
    """Return as soon as `condition` holds; fail with `what` was awaited when it does not hold in time."""
    pause, end = threading.Event(), monotonic() + seconds
    while not condition():
        if monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        pause.wait(0.02)
