"""Masks by place and hour, from the counts in batches' clear headers. No batch is opened.

Small counts must not come out, neither as they are nor as the difference of what is shown: of a total and its parts, of
two tables, of two periods. So everything that is told is a function of one table, that of each place and hour, in which
counts of 1 to 9 are hidden, whoever asks for whatever. A total adds what is shown in that table, and counts how much of
it is hidden: each hidden count is from 1 to 9, so the true total lies between two bounds, and those bounds stay the
same whatever the hidden counts are.

Withholding further counts instead, until a small one cannot be computed, would have to be done for every table that
anybody may ever ask for, and which ones are withheld tells of the small one as well.

This holds for hours whose batches have all come. A batch that comes late, after a box was cut off, changes its hour:
whoever asked before and after it sees 12 become 15, and knows that the late batch counted 3. Nothing is done against
that here: to wait until no batch can come any more would take the days for which a box may keep them.

Where fewer than ten people were seen in all, not even a zero is told: three who all wore a mask would be known by it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from zoneinfo import ZoneInfo

from central.batches.store import MaskCounts
from shared.clock import from_unix
from shared.epochs import HOUR_S

SMALL: Final = 10  # counts below are hidden, but for zero
Bounds = tuple[int, int]


class By(StrEnum):
    """A place is a cell, which is a group of neighbouring cameras; an hour is one of the local day's 24."""

    PLACE = "place"
    HOUR = "hour"


@dataclass(frozen=True, slots=True)
class Sum:
    """Counts of one state: the sum of those that are shown, how many are hidden, each of them 1 to 9, and how many are
    veiled, 0 to 9 each, since so few people were seen that not even zero is told."""

    shown: int
    hidden: int
    veiled: int

    @property
    def bounds(self) -> Bounds:
        return self.shown + self.hidden, self.shown + (self.hidden + self.veiled) * (SMALL - 1)


@dataclass(frozen=True, slots=True)
class Group:
    """One place, or one hour of the day. `not_worn` are those without a mask and those who wear it wrongly."""

    name: str
    worn: Sum
    not_worn: Sum
    unknown: Sum

    @property
    def share(self) -> tuple[float, float] | None:
        """The least and the greatest share of masks worn, of faces of which it is known; None where none is."""
        (least, most), (least_not, most_not) = self.worn.bounds, self.not_worn.bounds
        if most + most_not == 0:
            return None
        return (least / (least + most_not) if least else 0.0), (most / (most + least_not) if most else 0.0)


class Tally:
    """Adds places and hours up: a city has a hundred thousand of them in a week."""

    __slots__ = ("_hidden", "_shown", "_veiled")

    def __init__(self) -> None:
        self._shown, self._hidden, self._veiled = [0, 0, 0], [0, 0, 0], 0

    def add(self, masks: tuple[int, int, int, int]) -> None:
        """All batches of one place and hour together: what is hidden is decided here."""
        worn, incorrect, absent, unknown = masks
        if 0 < worn + incorrect + absent + unknown < SMALL:
            self._veiled += 1
            return
        for k, count in enumerate((worn, incorrect + absent, unknown)):
            if 0 < count < SMALL:
                self._hidden[k] += 1
            else:
                self._shown[k] += count

    def join(self, other: Tally) -> None:
        for k in range(3):
            self._shown[k] += other._shown[k]
            self._hidden[k] += other._hidden[k]
        self._veiled += other._veiled

    def group(self, name: str) -> Group:
        return Group(name, *(Sum(self._shown[k], self._hidden[k], self._veiled) for k in range(3)))


@dataclass(frozen=True, slots=True)
class MaskStatistics:
    """Whole hours from `start` until `end`; `everybody` is all groups together."""

    by: By
    start: datetime
    end: datetime
    zone: str
    groups: tuple[Group, ...]
    everybody: Group

    def to_map(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "by": self.by.value,
            "from": self.start.isoformat(),
            "until": self.end.isoformat(),
            "zone": self.zone,
            "hidden_below": SMALL,
            "groups": [_map(one) for one in self.groups],
            "everybody": _map(self.everybody),
        }


def mask_statistics(counts: Iterable[MaskCounts], by: By, hours: range, zone: ZoneInfo) -> MaskStatistics:
    """Each place and hour must come once, with all its batches together."""
    local = {hour: f"{from_unix(hour * HOUR_S).astimezone(zone).hour:02}" for hour in hours}
    tallies: defaultdict[str, Tally] = defaultdict(Tally)
    for cell, hour, masks in counts:
        tallies[cell if by is By.PLACE else local[hour]].add(masks)
    everybody = Tally()
    for one in tallies.values():
        everybody.join(one)
    groups = tuple(tallies[name].group(name) for name in sorted(tallies))
    start, end = (from_unix(hour * HOUR_S) for hour in (hours.start, hours.stop))
    return MaskStatistics(by, start, end, zone.key, groups, everybody.group(""))


def _map(group: Group) -> dict[str, Any]:
    states = {state: list(getattr(group, state).bounds) for state in ("worn", "not_worn", "unknown")}
    share = None if group.share is None else [round(part, 3) for part in group.share]
    return {"name": group.name, **states, "worn_share": share}
