"""Time is aware and UTC everywhere inside; whoever needs the time is handed a Clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from shared.errors import BadInput


class Clock(Protocol):
    """Tells the time; tests pass one that they can move."""

    def now(self) -> datetime: ...


class SteadyClock(Clock, Protocol):
    """A clock beside which something counts seconds that nobody can set, so that a jump shows."""

    def elapsed_s(self) -> float:
        """Seconds since this machine started, those asleep included."""

    def boot(self) -> str:
        """Which start of the machine `elapsed_s` counts from."""


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def elapsed_s(self) -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def boot(self) -> str:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()


class FixedClock:
    """A clock that stands still until time passes, or somebody sets it."""

    def __init__(self, at: datetime) -> None:
        self._at = as_utc(at)
        self._elapsed_s = 0.0
        self._boots = 1

    def now(self) -> datetime:
        return self._at

    def elapsed_s(self) -> float:
        return self._elapsed_s

    def boot(self) -> str:
        return f"boot {self._boots}"

    def advance(self, step: timedelta) -> None:
        """Time passes."""
        self._at += step
        self._elapsed_s += step.total_seconds()

    def jump(self, step: timedelta) -> None:
        """Somebody sets the clock; no time passes."""
        self._at += step

    def reboot(self) -> None:
        """The machine starts anew, and counts from nothing."""
        self._elapsed_s, self._boots = 0.0, self._boots + 1


def as_utc(moment: datetime) -> datetime:
    """The same moment in UTC.

    Raises BadInput for a naive time, because guessing a zone moves a patient by hours, and for one at the very ends of
    the calendar, for which UTC has no year.
    """
    if moment.tzinfo is None:
        raise BadInput("a time has no zone", hint="write it with an offset, such as 2026-11-24T09:00:00+09:00")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        hint = "check the year; write it as in 2026-11-24T09:00:00+09:00"
        raise BadInput("the time lies outside the calendar", hint=hint) from None


def from_unix(seconds: float) -> datetime:
    """Unix seconds as an aware UTC time."""
    return datetime.fromtimestamp(seconds, UTC)
