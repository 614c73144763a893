"""Timing on a machine that does other things too: contestants take turns, and each one's best round counts."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping


def best_of(contestants: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Seconds of each contestant's quickest round. They take turns, so that a busy moment hits all alike."""
    best = dict.fromkeys(contestants, float("inf"))
    for _ in range(rounds):
        for name, run in contestants.items():
            begun = time.perf_counter()
            run()
            best[name] = min(best[name], time.perf_counter() - begun)
    return best
