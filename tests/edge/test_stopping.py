"""Signals end a box's work in order, and only while it works."""

from __future__ import annotations

import signal

import pytest

from edge.stopping import stopped_by_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_work_and_means_what_it_did_afterwards(number: signal.Signals) -> None:
    """Within the block it is noted and nothing is interrupted; after it, also after an error, it is as before."""
    before = signal.getsignal(number)
    calls: list[str] = []
    with pytest.raises(ValueError, match="broke off"), stopped_by_signals(lambda: calls.append("stop")) as asked:
        signal.raise_signal(number)
        assert (calls, asked) == (["stop"], [number])
        raise ValueError("broke off")
    assert signal.getsignal(number) is before
