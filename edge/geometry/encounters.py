"""Who came near whom, and for how long, among the people whom one camera sees at the same time."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from edge.geometry.ground_plane import Ground
from shared.sightings import REACHES_M, Encounter


@dataclass(slots=True)
class _Near:
    start: datetime
    end: datetime
    distance_m: float
    error_m: float
    seconds: list[float] = field(default_factory=lambda: [0.0] * len(REACHES_M))


class EncounterFinder:
    """Pairs within `reach_m`. Apart for longer than `gap`, and it is another encounter."""

    def __init__(
        self, reach_m: float = 3.0, shortest: timedelta = timedelta(seconds=2), gap: timedelta = timedelta(seconds=5)
    ) -> None:
        self._reach_m, self._shortest, self._gap = reach_m, shortest, gap
        self._pairs: dict[tuple[int, int], list[_Near]] = {}
        self._reported: set[int] = set()

    def look(self, now: datetime, where: Mapping[int, Ground]) -> None:
        """Take the positions of the live tracks, by number."""
        for a, b in itertools.combinations(sorted(where), 2):
            p, q = where[a], where[b]
            distance = math.hypot(p.east_m - q.east_m, p.north_m - q.north_m)
            if distance <= self._reach_m:
                self._note((a, b), now, distance, math.hypot(p.error_m, q.error_m))

    def ended(self, number: int, reported: bool = True) -> list[Encounter]:
        """A track has ended: its encounters with those that ended and were reported before it.

        Those with people still in view are told when they end; those of a track that was not reported are forgotten.
        """
        found: list[Encounter] = []
        for pair in [pair for pair in self._pairs if number in pair]:
            other = pair[0] + pair[1] - number
            if not reported:
                del self._pairs[pair]
            elif other in self._reported:
                found += [self._encounter(pair, near) for near in self._pairs.pop(pair) if self._counts(near)]
        if reported:
            self._reported.add(number)
        self._reported &= {member for pair in self._pairs for member in pair}
        return found

    def _note(self, pair: tuple[int, int], now: datetime, distance: float, error: float) -> None:
        spells = self._pairs.setdefault(pair, [])
        if not spells or now - spells[-1].end > self._gap:
            spells.append(_Near(now, now, distance, error))
            return
        near = spells[-1]
        # The time since the last look counts as spent at this distance: over an encounter the errors cancel.
        passed = (now - near.end).total_seconds()
        near.seconds = [
            spent + passed * (distance <= reach) for spent, reach in zip(near.seconds, REACHES_M, strict=True)
        ]
        near.end = now
        if distance < near.distance_m:
            near.distance_m, near.error_m = distance, error

    def _counts(self, near: _Near) -> bool:
        return near.end - near.start >= self._shortest

    def _encounter(self, pair: tuple[int, int], near: _Near) -> Encounter:
        return Encounter(pair[0], pair[1], near.start, near.end, near.distance_m, near.error_m, tuple(near.seconds))
