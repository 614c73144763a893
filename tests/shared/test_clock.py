"""Moments become UTC, or are refused by name."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.clock import as_utc
from shared.errors import BadInput

ENDS = ("0001-01-01T00:00+09:00", "9999-12-31T23:00-09:00")


@pytest.mark.parametrize("text", ENDS)
def test_a_moment_that_utc_would_put_into_no_year_is_refused(text: str) -> None:
    """At both ends of the calendar, with a hint, instead of an overflow that nobody expects."""
    with pytest.raises(BadInput, match="calendar") as refused:
        as_utc(datetime.fromisoformat(text))
    assert refused.value.hint


@pytest.mark.parametrize("text", ["0001-01-01T09:00+09:00", "9999-12-31T14:59-09:00"])
def test_the_calendar_is_used_to_its_ends(text: str) -> None:
    """What UTC still has a date for is a time like any other."""
    assert as_utc(datetime.fromisoformat(text)).tzinfo is UTC


def test_a_moment_without_a_zone_is_refused() -> None:
    """Guessing one moves a patient by hours."""
    with pytest.raises(BadInput, match="zone"):
        as_utc(datetime(2026, 11, 24))  # noqa: DTZ001  (naive on purpose)
