"""The few best pictures of one person, kept in memory until the track ends."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class BestShots(Generic[T]):
    """Keeps the `keep` items of highest quality; of equals, the earlier."""

    keep: int = 3
    _heap: list[tuple[float, int, T]] = field(default_factory=list, repr=False)
    _offered: int = 0

    def offer(self, quality: float, shot: T) -> None:
        # The falling counter decides between equals before the shots themselves would be compared.
        self._offered -= 1
        entry = (quality, self._offered, shot)
        if len(self._heap) < self.keep:
            heapq.heappush(self._heap, entry)
        elif entry > self._heap[0]:
            heapq.heapreplace(self._heap, entry)

    def would_keep(self, quality: float) -> bool:
        """Whether a shot of this quality is worth cutting out."""
        return len(self._heap) < self.keep or quality > self._heap[0][0]

    def best_first(self) -> list[tuple[float, T]]:
        return [(quality, shot) for quality, _, shot in sorted(self._heap, key=lambda entry: entry[:2], reverse=True)]

    def drop(self) -> None:
        """Forget every picture."""
        self._heap.clear()
