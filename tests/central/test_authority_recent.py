"""Shares that are kept for a moment are those of the day's secret, and do not outlive it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from central.authority import day_secrets
from central.authority.recent import RecentShares
from shared.epochs import Epoch, Part, derive_parts
from tests.central.authority_fixtures import CELL, NOW, World
from tests.waiting import wait_until

HOUR = Epoch.at(CELL, NOW).hour


@pytest.fixture
def secrets(tmp_path: Path) -> day_secrets.DaySecrets:
    """The vault of one authority, with a secret for the day."""
    return World(tmp_path).authorities[0]._secrets


def test_the_same_question_is_answered_the_same_and_made_once(
    secrets: day_secrets.DaySecrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Shares of code and seal are kept apart, and other cells or hours are made anew."""
    made: list[tuple[Part, str]] = []

    def counted(secret: bytes, part: Part, cell: str, hours: list[int]) -> bytes:
        made.append((part, cell))
        return derive_parts(secret, part, cell, hours)

    monkeypatch.setattr(day_secrets, "derive_parts", counted)
    first, other, again = (secrets.grid(part, (CELL,), [HOUR]) for part in (Part.CODE, Part.SEAL, Part.CODE))
    assert first[0] == again[0] == (HOUR,)
    assert (first[1] == again[1]).all()
    assert (first[1] != other[1]).any()
    assert made == [(Part.CODE, CELL), (Part.SEAL, CELL)]
    secrets.grid(Part.CODE, (CELL, "cell-2"), [HOUR])
    secrets.grid(Part.CODE, (CELL,), [HOUR - 1, HOUR])
    assert len(made) == 5


def test_nothing_is_kept_of_a_day_that_was_destroyed(tmp_path: Path) -> None:
    """Its hours are left out of the next answer, and its shares are overwritten at once."""
    authority = World(tmp_path).authorities[0]
    authority._secrets.grid(Part.SEAL, (CELL,), [HOUR])
    ((_, kept),) = authority._secrets._recent._kept.values()
    authority.destroy(NOW.date())
    assert not kept.any()
    assert not authority._secrets._recent._kept
    assert authority._secrets.grid(Part.SEAL, (CELL,), [HOUR])[0] == ()


def test_what_is_kept_is_overwritten_after_a_moment() -> None:
    """Nobody has to ask or destroy anything for that; who was answered keeps what they got."""
    long = timedelta(hours=1).total_seconds()
    recent, shares = RecentShares(long), np.ones((1, 2, 32), np.uint8)
    recent.put("kind", "question", shares)
    got, timer = recent.get("kind", "question"), recent._timer
    ((_, kept),) = recent._kept.values()
    assert timer is not None
    assert (timer.is_alive(), timer.interval) == (True, long)
    timer.cancel()
    timer.function(*timer.args, **timer.kwargs)  # as when its hour is over
    assert not kept.any()
    assert got is not None
    assert got.all()
    assert recent.get("kind", "question") is None


def test_the_moment_passes_by_itself() -> None:
    """Without a question, a destroyed day or anything else that happens at the authority."""
    recent = RecentShares(timedelta(milliseconds=50).total_seconds())
    recent.put("kind", "question", np.ones((1, 2, 32), np.uint8))
    wait_until(lambda: not recent._kept, "the shares to be forgotten")
