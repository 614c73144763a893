"""Which cameras share a cell, and so a key: neighbours, at most sixteen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

CELL_SIZE = 16


class Placed(Protocol):
    """Anything with a camera's name and position in degrees."""

    @property
    def camera(self) -> str: ...
    @property
    def latitude(self) -> float: ...
    @property
    def longitude(self) -> float: ...


P = TypeVar("P", bound=Placed)


def neighbours(cameras: Sequence[P], size: int = CELL_SIZE) -> list[list[P]]:
    """Groups of at most `size`: halve at the median, across the side that is longer in degrees, until they fit.

    The split depends on positions and names only, so the same cameras always fall into the same groups.
    """
    if len(cameras) <= size:
        return [list(cameras)] if cameras else []
    height = max(one.latitude for one in cameras) - min(one.latitude for one in cameras)
    width = max(one.longitude for one in cameras) - min(one.longitude for one in cameras)
    ordered = sorted(cameras, key=lambda one: (one.latitude if height > width else one.longitude, one.camera))
    middle = len(ordered) // 2
    return neighbours(ordered[:middle], size) + neighbours(ordered[middle:], size)
