"""An authority's clock: jumps of hours in both directions, while it runs and across restarts; who says it is right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from central.authority.clock_guard import LONGEST_AWAY, TOLERANCE, ClockGuard, ClockInDoubt
from central.authority.released import Recipient
from central.authority.service import RETENTION, Authority
from central.authority.tables import open_database
from shared.clock import FixedClock
from tests.central.authority_fixtures import CASE, NOW, World

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
WORKER = X25519PrivateKey.generate().public_key().public_bytes_raw()


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def refused_acts(world: World, authority: Authority) -> list[Callable[[], object]]:
    """Everything that must not happen while the clock is in doubt."""
    release = world.release()
    return [
        lambda: authority.release(release, Recipient.SEARCH, WORKER),
        lambda: authority.publish_grants(world.transport),
        lambda: authority.destroy(NOW.date()),
        authority.destroy_expired,
        lambda: authority.canary(NOW.date(), WORKER),
    ]


@pytest.mark.parametrize("jump", [6 * HOUR, -6 * HOUR, 40 * DAY, -40 * DAY, 6 * timedelta(minutes=1)])
def test_a_jump_while_it_runs_stops_everything_until_a_person_looked(world: World, jump: timedelta) -> None:
    """No release, no grant, no destruction, no canary; a person says that the clock is right, and all goes on."""
    authority = world.authorities[0]
    before = world.broker.retained.copy()
    world.clock.jump(jump)
    for act in refused_acts(world, authority):
        with pytest.raises(ClockInDoubt, match="forward" if jump > timedelta(0) else "back"):
            act()
    assert world.broker.retained == before
    assert authority._secrets.days() == [NOW.date()]
    assert "ClockInDoubt" in next(e.detail for e in reversed(authority.log_entries()) if e.action == "refused")
    world.clock.jump(-jump)
    authority.accept_clock()
    assert authority.release(world.release(), Recipient.SEARCH, WORKER)


def test_a_clock_that_is_set_right_again_needs_nobody(world: World) -> None:
    """The doubt ends when the clock is where the machine's own seconds say."""
    world.clock.jump(3 * HOUR)
    with pytest.raises(ClockInDoubt):
        world.authorities[0].clock.now()
    world.clock.advance(10 * HOUR)
    with pytest.raises(ClockInDoubt):
        world.authorities[0].clock.now()
    world.clock.jump(-3 * HOUR)
    assert world.authorities[0].clock.now() == NOW + 10 * HOUR


def test_five_minutes_are_no_jump(world: World) -> None:
    """What a time service corrects is believed; many such steps in a row are not."""
    world.clock.jump(TOLERANCE)
    assert world.authorities[0].release(world.release(), Recipient.SEARCH, WORKER)
    world.clock.jump(TOLERANCE)
    with pytest.raises(ClockInDoubt):
        world.authorities[0].publish_grants(world.transport)


def test_a_withdrawal_is_heard_whatever_the_clock_says(world: World) -> None:
    """A patient's word does not wait for a clock; its time is what the clock should have said."""
    authority = world.authorities[0]
    world.clock.jump(-300 * DAY)
    authority.withdraw(CASE)
    assert authority.ended([CASE, "case-2"]) == [CASE]
    assert authority.log_entries()[-1].at == NOW


@pytest.mark.parametrize(
    ("off", "doubt"),
    [(HOUR, False), (LONGEST_AWAY, False), (LONGEST_AWAY + HOUR, True), (-HOUR, True), (-TOLERANCE, False)],
)
def test_after_a_restart_the_clock_must_be_near_where_it_was(world: World, off: timedelta, doubt: bool) -> None:
    """A machine that was off for a night is believed; one whose clock went back, or far ahead, is looked at."""
    world.clock.reboot()
    world.clock.jump(off)
    again = world.authority("authority-a")
    assert bool(again.clock.read().doubt) == doubt
    if doubt:
        with pytest.raises(ClockInDoubt, match="while the machine was off"):
            again.release(world.release(), Recipient.SEARCH, WORKER)
        again.accept_clock()
    assert again.clock.now() == world.clock.now()
    world.clock.jump(-off)


def test_another_process_takes_over_what_was_believed(world: World) -> None:
    """A command beside a running authority sees the same doubt, and what it accepts counts for both."""
    serving, beside = world.authorities[0], world.authority("authority-a")
    world.clock.jump(7 * HOUR)
    for one in (serving, beside):
        with pytest.raises(ClockInDoubt):
            one.clock.now()
    beside.accept_clock()
    assert serving.clock.now() == NOW + 7 * HOUR


def test_a_machine_that_was_off_destroys_late_rather_than_early(world: World) -> None:
    """A clock that comes back 20 hours ahead is believed, but the day goes only when it must be over for sure."""
    world.clock.advance(RETENTION + timedelta(hours=12))
    assert world.authorities[0].destroy_expired() == []
    world.clock.reboot()
    world.clock.jump(20 * HOUR)
    again = world.authority("authority-a")
    assert again.destroy_expired() == []
    world.clock.advance(3 * HOUR)
    assert [one.day for one in again.destroy_expired()] == [NOW.date()]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_series_of_jumps_and_restarts_makes_it_surer_of_the_time_than_it_can_be(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """`sure`, by which days are destroyed, never passes the true time, whatever is done to the clock."""
    clock = FixedClock(NOW)
    guard, true = ClockGuard(open_database(tmp_path_factory.mktemp("clock") / "a.sqlite"), clock), NOW
    guard.now()
    for _ in range(data.draw(st.integers(1, 12))):
        minutes = timedelta(minutes=data.draw(st.integers(0, 3000)))
        match data.draw(st.sampled_from(["pass", "jump", "off"])):
            case "pass":
                clock.advance(minutes)
                true += minutes
            case "jump":
                clock.jump(minutes - timedelta(minutes=1500))
            case "off":
                clock.jump(minutes - timedelta(minutes=100))
                clock.reboot()
                true += minutes
        reading = guard.read()
        assert reading.sure <= true
        if not reading.doubt:
            guard.believed()
