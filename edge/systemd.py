"""Tells systemd that the box is ready, alive or stopping (sd_notify(3)), so that a box that hangs is started again."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from time import monotonic
from typing import Final

READY: Final = "READY=1"
ALIVE: Final = "WATCHDOG=1"
STOPPING: Final = "STOPPING=1"


def tell(state: str) -> bool:
    """Send one state; False where systemd does not listen. Never raises: the box runs without it, too."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.connect("\0" + address[1:] if address.startswith("@") else address)
            notify.sendall(state.encode())
    except OSError:
        return False
    return True


class Pulse:
    """The loop beats with each frame and each turn of a wait; systemd hears of it only while it beats."""

    def __init__(self, stuck_after_s: float, now: Callable[[], float] = monotonic) -> None:
        self._stuck_after_s, self._now = stuck_after_s, now
        self._last = now()

    def beat(self) -> None:
        self._last = self._now()

    def pass_on(self) -> bool:
        """Tell systemd that the loop lives; False, and nothing is said, when it has not beaten for too long."""
        return self._now() - self._last < self._stuck_after_s and tell(ALIVE)
