"""A box knows how far its clock may be off, and lets systemd know only while its loop lives."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from edge.clock_error import UNKNOWN_MS, ClockError, clock_error, clock_error_ms, judge
from edge.systemd import ALIVE, READY, Pulse, tell

_TIME_OK, _TIME_ERROR = 0, 5


def test_the_bound_of_a_synchronised_clock_is_the_kernels_rounded_up() -> None:
    """1.2 ms are told as at most 2."""
    assert judge(_TIME_OK, 0x2001, 1200) == ClockError(True, 2)


@pytest.mark.parametrize(("state", "status"), [(_TIME_ERROR, 0x40), (_TIME_ERROR, 0x2041), (-1, 0)])
def test_nothing_is_claimed_of_a_clock_that_nobody_sets(state: int, status: int) -> None:
    """Unsynchronised, or a kernel that does not answer: unknown, not zero."""
    assert judge(state, status, 16_000_000) == ClockError(False, UNKNOWN_MS)


def test_this_machines_kernel_answers() -> None:
    """The real call gives a bound that fits what it says about being synchronised."""
    found = clock_error()
    assert found.synchronised == (found.at_most_ms != UNKNOWN_MS)
    assert clock_error_ms() >= UNKNOWN_MS


@pytest.fixture
def systemd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """Where systemd would listen."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind(str(tmp_path / "notify"))
    listener.settimeout(0.05)
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
    return listener


def test_systemd_hears_that_the_box_is_ready(systemd: socket.socket) -> None:
    """The state arrives as systemd expects it."""
    with systemd:
        assert tell(READY)
        assert systemd.recv(64) == b"READY=1"


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """A box that somebody starts by hand, or whose systemd went away, runs all the same."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert not tell(READY)
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/notify")
    assert not tell(READY)


def test_a_loop_that_hangs_is_not_called_alive(systemd: socket.socket) -> None:
    """The sign of life is passed on while the loop beats, and no longer when it has stopped for too long."""
    seconds = [0.0]
    pulse = Pulse(60, lambda: seconds[0])
    with systemd:
        seconds[0] = 59
        assert pulse.pass_on()
        assert systemd.recv(64) == ALIVE.encode()
        seconds[0] = 61
        assert not pulse.pass_on()
        with pytest.raises(TimeoutError):
            systemd.recv(64)
        pulse.beat()
        assert pulse.pass_on()
