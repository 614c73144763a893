"""Whether this authority may believe its clock: nothing is released, granted or destroyed while it is in doubt.

In one run of the machine the wall clock is compared with the count of seconds that nobody can set; across starts of the
machine with the last moment that was believed. A person looks, sets the clock right, and says so: `clock accept`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import Session

from central.authority.tables import ClockAnchor
from central.database import writing
from shared.clock import SteadyClock
from shared.errors import Refused

TOLERANCE = timedelta(minutes=5)
# An authority that was away longer has left boxes without keys anyway, so that a person is there to look.
LONGEST_AWAY = timedelta(hours=24)


class ClockInDoubt(Refused):
    """The authority's clock jumped, or is not where it must be after a restart."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the guard makes of the clock. `expected` is what it should say, `sure` the time that it is at least, and
    `doubt` why it is not believed, or empty."""

    now: datetime
    expected: datetime
    sure: datetime
    doubt: str = ""

    @property
    def stamp(self) -> datetime:
        """The time for an entry in the log: a clock in doubt must not date one."""
        return self.expected if self.doubt else self.now


class ClockGuard:
    """Reads the clock against the anchor in the database, which every process of the authority shares."""

    def __init__(self, engine: Engine, clock: SteadyClock) -> None:
        self._engine, self._clock = engine, clock

    def read(self) -> Reading:
        """Writes nothing."""
        now = self._clock.now()
        with Session(self._engine) as session:
            anchor = session.get(ClockAnchor, 1)
        if anchor is None:  # the first start: there is nothing to compare with, and nothing to lose
            return Reading(now, now, now)
        passed = timedelta(seconds=self._clock.elapsed_s() - anchor.elapsed_s)
        if anchor.boot == self._clock.boot() and passed >= -TOLERANCE:
            return _in_one_run(now, anchor, passed)
        return _after_a_start(now, anchor, timedelta(seconds=self._clock.elapsed_s()))

    def now(self) -> datetime:
        """The time, and remember that it was believed. Raises ClockInDoubt."""
        return self.believed().now

    def believed(self) -> Reading:
        """A reading without doubt, remembered. Raises ClockInDoubt."""
        reading = self.read()
        if reading.doubt:
            hint = "look at the clock and set it right; then: cairn-central authority clock accept"
            raise ClockInDoubt(f"this authority's clock {reading.doubt}", hint=hint)
        # Not the clock's own word: many small steps would add up to a large one that nobody saw.
        self._remember(reading.expected, reading.sure)
        return reading

    def accept(self) -> datetime:
        """A person looked and the clock is right: it counts from now on, whatever was believed before."""
        now = self._clock.now()
        self._remember(now, now)
        return now

    def _remember(self, at: datetime, sure: datetime) -> None:
        with writing(self._engine) as session:
            session.merge(
                ClockAnchor(id=1, at=at, sure=sure, boot=self._clock.boot(), elapsed_s=self._clock.elapsed_s())
            )
            session.commit()


def _in_one_run(now: datetime, anchor: ClockAnchor, passed: timedelta) -> Reading:
    expected = anchor.at + passed
    off = now - expected
    doubt = f"jumped {_way(off)} while the machine ran" if abs(off) > TOLERANCE else ""
    return Reading(now, expected, min(anchor.sure + passed, now), doubt)


def _after_a_start(now: datetime, anchor: ClockAnchor, up: timedelta) -> Reading:
    # How long the machine was off cannot be known from within: for sure is only what it has run since.
    earliest = anchor.at + up
    off, sure = now - earliest, min(anchor.sure + up, now)
    if -TOLERANCE <= off <= LONGEST_AWAY:
        return Reading(now, max(now, earliest), sure)
    return Reading(now, earliest, sure, f"went {_way(off)} while the machine was off")


def _way(off: timedelta) -> str:
    hours, minutes = divmod(round(abs(off).total_seconds() / 60), 60)
    return f"{'forward' if off > timedelta(0) else 'back'} by {hours} h {minutes:02d} min"
