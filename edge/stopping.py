"""Ctrl-C and the service manager's word end what runs in order, instead of in the middle of a track."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stopped_by_signals(stop: Callable[[], None]) -> Iterator[list[int]]:
    """Within the block, SIGINT and SIGTERM call `stop`; yields those that came. Afterwards they mean what they did."""
    asked: list[int] = []

    def hear(received: int, _frame: object) -> None:
        asked.append(received)
        stop()

    before = {number: signal.signal(number, hear) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
