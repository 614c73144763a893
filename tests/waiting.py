"""Waiting on a condition, for tests and the demo, which have other processes to wait for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic
from typing import TypeVar

T = TypeVar("T")


def wait_until(condition: Callable[[], T], what: str, seconds: float = 30.0) -> T:
    """What `condition` answers, as soon as that is true; fail with `what` was awaited when it is not in time.

    What is asked again afterwards may have changed: a test that says something of what it waited for takes the answer.
    """
    never, pause_s, end = threading.Event(), 0.01, monotonic() + seconds
    while not (answer := condition()):
        if monotonic() > end:
            raise TimeoutError(f"waited {seconds:.0f} s for {what}")
        never.wait(pause_s)
        pause_s = min(1.5 * pause_s, 0.2)  # asking costs the time of what is waited for
    return answer
