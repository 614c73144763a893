"""What boxes get from an authority: at an hour's edge, after a key was replaced, after revocation, while it is away."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.authority.rounds import Rounds
from shared.epochs import Epoch
from shared.errors import CannotOpen
from shared.node_shares import open_grant
from shared.transport.memory import MemoryTransport
from tests.central.authority_fixtures import CELL, NODE, NOW, World
from tests.waiting import wait_until

MINUTE = timedelta(minutes=1)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def granted(world: World, minute: int, hours_ahead: int) -> list[int]:
    """Which hours, counted from the present one, a grant of that minute of the hour holds."""
    world.clock.advance((minute - 30) * MINUTE)
    authority = world.authorities[0]
    authority.publish_grants(world.transport, hours_ahead)
    now = Epoch.at(CELL, world.clock.now()).hour
    opened = open_grant(world.grant(authority.name), authority.name, NODE, world.node_sealing)
    return sorted(epoch.hour - now for epoch in opened)


@pytest.mark.parametrize(
    ("minute", "ahead", "hours"),
    [(30, 0, [0]), (30, 2, [0, 1, 2]), (64, 0, [-1, 0]), (60, 2, [-1, 0, 1, 2]), (66, 0, [0]), (55, 0, [0, 1]),
     (54, 0, [0]), (57, 24, [*range(25)])],
)  # fmt: skip
def test_five_minutes_of_clock_error_lose_nothing_at_an_hours_edge(
    world: World, minute: int, ahead: int, hours: list[int]
) -> None:
    """For five minutes the last hour is still granted, and five minutes before it the next one already."""
    assert granted(world, minute, ahead) == hours


def test_the_last_hour_of_a_destroyed_day_is_not_granted_again(world: World) -> None:
    """Just after midnight yesterday's last hour belongs to a day that may be gone: today's are granted all the same."""
    authority = world.authorities[0]
    world.clock.advance(timedelta(hours=14, minutes=32))
    authority.destroy(NOW.date())
    authority.publish_grants(world.transport, 1)
    opened = open_grant(world.grant(authority.name), authority.name, NODE, world.node_sealing)
    assert {epoch.start.date() for epoch in opened} == {NOW.date() + timedelta(days=1)}


def test_a_replaced_box_is_served_at_once_and_its_old_key_opens_nothing(world: World) -> None:
    """The round notices the new key by itself; what lies on the broker afterwards is for the new key alone."""
    authority, new = world.authorities[0], X25519PrivateKey.generate()
    transport = MemoryTransport(world.broker, "svc-authority-a")
    rounds = Rounds(authority, transport, hours_ahead=1)
    rounds.start()
    try:
        authority.registry.put_node(NODE, CELL, new.public_key().public_bytes_raw())

        def served() -> bool:
            try:
                return bool(open_grant(world.grant(authority.name), authority.name, NODE, new))
            except CannotOpen:
                return False

        wait_until(served, "the new grant")
        with pytest.raises(CannotOpen):
            open_grant(world.grant(authority.name), authority.name, NODE, world.node_sealing)
    finally:
        rounds.stop()


def test_destruction_does_not_wait_for_the_broker(world: World) -> None:
    """With the broker away for days, and without any, days that are over are destroyed all the same."""
    world.clock.advance(timedelta(days=16))
    away = MemoryTransport(world.broker, "svc-authority-a")
    for authority, transport in zip(world.authorities, (away, None), strict=True):
        assert Rounds(authority, transport, hours_ahead=1).once()
        assert authority._secrets.days() == []
