"""The demo's programs are started with a log, watched, and never left behind."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.demo.day import first_line, this_hour
from tests.demo.processes import Children, DemoFailed, uninterrupted, without_secrets
from tests.waiting import wait_until

FOR_EVER = "import threading; threading.Event().wait()"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {FOR_EVER}"


@pytest.fixture
def children(tmp_path: Path) -> Iterator[Children]:
    """Stopped at the end, whatever the test does."""
    made = Children(tmp_path / "logs")
    yield made
    made.stop()


def test_a_program_that_dies_is_noticed_with_its_log(children: Children) -> None:
    """The error names the program, its last words, and what to type to see the rest."""
    child = children.start("probes", sys.executable, "-c", "raise SystemExit('no key')")
    child.process.wait()
    with pytest.raises(DemoFailed, match="probes ended with status 1") as error:
        children.check()
    assert "no key" in error.value.message
    assert error.value.hint == f"type: less {child.log}"


def test_stopping_ends_even_the_deaf(children: Children, monkeypatch: pytest.MonkeyPatch) -> None:
    """A program that ignores the request to end is killed after a while."""
    monkeypatch.setattr("tests.demo.processes._GRACE_S", 0.2)
    willing = children.start("willing", sys.executable, "-c", FOR_EVER)
    deaf = children.start("deaf", sys.executable, "-c", STUBBORN)
    wait_until(lambda: "deaf" in deaf.log.read_text(), "the deaf program")
    children.stop()
    assert willing.process.returncode is not None
    assert deaf.process.returncode == -9


def test_ctrl_c_waits_until_a_started_program_is_noted() -> None:
    """Interrupted in the middle of starting, the demo still knows the program when it stops everything."""
    noted: list[str] = []
    with pytest.raises(KeyboardInterrupt), uninterrupted():
        signal.raise_signal(signal.SIGINT)
        noted.append("started")
    assert noted == ["started"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_command_that_should_be_refused_and_is_not_fails_the_demo(children: Children) -> None:
    """A refusal that does not come is the worst that the demo can find."""
    refused = "import sys; sys.stderr.write('TooLate: no'); sys.exit(2)"
    assert children.command(sys.executable, "-c", refused, refusal="TooLate").refused
    with pytest.raises(DemoFailed, match="was not refused"):
        children.command(sys.executable, "-c", "", refusal="TooLate")
    with pytest.raises(DemoFailed, match="was not refused"):
        children.command(sys.executable, "-c", refused, refusal="OtherError")


def test_no_secret_is_written_into_the_log_of_commands(children: Children, tmp_path: Path) -> None:
    """One-time claims are left out of what is written down."""
    assert without_secrets(["/bin/enrol", "--token", "s3cret", "--keys", "x"]) == "enrol --token … --keys x"
    children.command(sys.executable, "-c", "", "--token", "s3cret")
    assert "s3cret" not in (tmp_path / "logs" / "commands.log").read_text()


def test_near_the_end_of_an_hour_the_day_lies_in_the_next() -> None:
    """Keys of an hour must still be granted when the authorities are up."""
    hour = datetime(2026, 11, 25, 23, tzinfo=UTC)
    assert this_hour(hour + timedelta(minutes=40)) == hour
    assert this_hour(hour + timedelta(minutes=58)) == hour + timedelta(hours=1)


def test_the_refusal_is_told_without_its_surroundings() -> None:
    """Of what a command said, the line with the refusal is shown."""
    assert first_line("You sign: x\n✗ ReleaseRefused: no\n  do that\n") == "ReleaseRefused: no"
