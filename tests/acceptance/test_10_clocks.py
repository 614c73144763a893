"""10 · Late batches and wrong clocks: 13 days late is taken, 15 days is refused, five minutes of error lose nothing."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from central.batches.tables import RefusedBatch, StoredBatch
from shared.acks import Ack, AckStatus
from tests.central.test_ingest import NOW, Bench
from tests.waiting import wait_until

MINUTES = timedelta(minutes=1)
STORED = Ack(1, 0, AckStatus.STORED)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    made.ingest.start()
    yield made
    made.ingest.stop()


def test_thirteen_days_late_is_taken(bench: Bench) -> None:
    """A box that was offline for 13 days delivers all that it saw."""
    bench.send(bench.batch(at=NOW - timedelta(days=13)))
    wait_until(lambda: STORED in bench.acks, "the answer")
    assert bench.count(StoredBatch) == 1


def test_fifteen_days_late_is_refused(bench: Bench) -> None:
    """What is past retention is refused by name, and a batch of today is taken after it."""
    bench.send(bench.batch(at=NOW - timedelta(days=15)))
    wait_until(lambda: bench.count(RefusedBatch), "the refusal")
    assert "OutOfTime" in bench.answered(1)[0].reason
    bench.send(bench.batch(1))
    wait_until(lambda: Ack(1, 1, AckStatus.STORED) in bench.acks, "the answer")
    assert bench.count(StoredBatch) == 1


@pytest.mark.parametrize("minute", [0, 3, 29, 57, 59])
@pytest.mark.parametrize("error", [-5, 5])
def test_five_minutes_of_error_lose_nothing(bench: Bench, minute: int, error: int) -> None:
    """Whenever in the hour, a box whose clock is five minutes off is taken, hour's edges included."""
    bench.clock.advance(minute * MINUTES - (NOW - NOW.replace(minute=0)))
    bench.send(bench.batch(at=bench.clock.now() + error * MINUTES))
    wait_until(lambda: STORED in bench.acks, "the answer")
    assert (bench.count(StoredBatch), bench.count(RefusedBatch)) == (1, 0)
