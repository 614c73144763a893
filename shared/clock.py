"""Time is aware and UTC everywhere inside; whoever needs the time is handed a Clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

from shared.errors import BadInput


class Clock(Protocol):
    """Tells the time; tests pass one that they can move."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands still until it is moved."""

    def __init__(self, at: datetime) -> None:
        self._at = as_utc(at)

    def now(self) -> datetime:
        return self._at

    def advance(self, step: timedelta) -> None:
        self._at += step


def as_utc(moment: datetime) -> datetime:
    """The same moment in UTC. Raises BadInput for a naive time, because guessing a zone moves a patient by hours."""
    if moment.tzinfo is None:
        raise BadInput("a time has no zone", hint="write it with an offset, such as 2026-11-24T09:00:00+09:00")
    return moment.astimezone(UTC)


def from_unix(seconds: float) -> datetime:
    """Unix seconds as an aware UTC time."""
    return datetime.fromtimestamp(seconds, UTC)
