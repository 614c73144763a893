"""How long each stage took."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from time import perf_counter


@dataclass(slots=True)
class Stopwatch:
    """Seconds by stage, added up."""

    seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))

    def lap(self, stage: str, began: float) -> float:
        """Count the time since `began` and return the present."""
        now = perf_counter()
        self.seconds[stage] += now - began
        return now
