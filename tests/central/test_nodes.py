"""What the centre believes of what boxes say about themselves, and which keys it takes batches with."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine
from sqlmodel import Session

from central.database import open_database, writing
from central.nodes.health import HealthBook, read_health
from central.nodes.keys import NodeKeys
from central.nodes.service import put_cameras, put_node, revoke_node
from central.nodes.tables import Camera, Node
from edge.health import birth, death
from shared import topics
from shared.clock import FixedClock
from shared.errors import BadInput
from shared.transport import Message
from shared.wire import pack
from tests.postgres import database_in

NOW = datetime.fromisoformat("2026-11-24T09:30:00+00:00")


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """A register with one box."""
    made = open_database(database_in(tmp_path))
    with writing(made) as session:
        put_node(session, "box-1", "cell-1", public(1))
        session.commit()
    return made


def public(seed: int) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32).public_key().public_bytes_raw()


def said(retain: bool = False, **changes: Any) -> Message:
    plain = {"v": 1, "node": "box-1", "boot": 1, "state": "up", "at": int(NOW.timestamp()), "camera": "seeing"}
    more = {"outbox": {"pending": 1, "ready": 2, "refused": 9, "bytes": 5}, "lost": 4, "clock_synchronised": True}
    return Message(topics.health("box-1"), pack(plain | more | changes), retain)


def box(engine: Engine) -> Node:
    with Session(engine) as session:
        return session.get_one(Node, "box-1")


def test_the_last_word_of_a_box_is_kept(engine: Engine) -> None:
    """Of several messages one is written, and a death leaves what the box said last of its camera."""
    clock = FixedClock(NOW)
    book = HealthBook(engine, clock)
    book.take(said(camera="starting"))
    book.take(said())
    assert (book.write(), book.write()) == (1, 0)
    row = box(engine)
    assert (row.state, row.camera_state, row.waiting, row.lost, row.last_seen) == ("up", "seeing", 3, 4, NOW)
    clock.advance(timedelta(minutes=5))
    book.take(said(state="down", camera="starting", retain=True))
    book.write()
    row = box(engine)
    assert (row.state, row.camera_state, row.last_seen) == ("down", "seeing", NOW)


def test_what_a_box_sends_today_is_understood(engine: Engine) -> None:
    """Birth and death as the edge writes them are read here."""
    clock = FixedClock(NOW)
    assert read_health(birth("box-1", 1, clock), NOW).state == "up"
    assert read_health(death("box-1", 1, clock), NOW).seen is None


def test_a_retained_message_is_as_old_as_it_says() -> None:
    """What the broker kept from an hour ago does not make a box seen just now; a clock ahead does not either."""
    hour = timedelta(hours=1)
    old = read_health(said(retain=True, at=int((NOW - hour).timestamp())), NOW)
    ahead = read_health(said(retain=True, at=int((NOW + hour).timestamp())), NOW)
    assert (old.seen, ahead.seen) == (NOW - hour, NOW)


@pytest.mark.parametrize(
    "changes",
    [{"v": 2}, {"node": "box-2"}, {"state": "fine"}, {"at": "now"}, {"at": 10**30}, {"lost": -1}, {"lost": 2**40},
     {"outbox": {"ready": "many"}}, {"outbox": 3}, {"camera": "<script>"}, {"lost": True}],
    ids=str,
)  # fmt: skip
def test_nonsense_about_a_box_is_refused(changes: dict[str, Any]) -> None:
    """Another version, another box's name, and numbers that are none are refused by name."""
    with pytest.raises(BadInput):
        read_health(said(**changes), NOW)


@given(st.binary(max_size=200))
def test_any_bytes_are_health_or_a_named_refusal(raw: bytes) -> None:
    """Whatever comes under a health topic is read or refused, and nothing else happens."""
    with pytest.raises(BadInput):
        read_health(Message(topics.health("box-1"), raw), NOW)


def test_a_box_that_nobody_entered_is_passed_over(engine: Engine) -> None:
    """Health of an unknown box changes nothing."""
    book = HealthBook(engine, FixedClock(NOW))
    plain = {"v": 1, "node": "box-9", "boot": 1, "state": "up", "at": 1}
    book.take(Message(topics.health("box-9"), pack(plain)))
    assert book.write() == 1
    with Session(engine) as session:
        assert session.get(Node, "box-9") is None


def test_keys_are_remembered_for_seconds_and_revocation_is_noticed(engine: Engine) -> None:
    """Within five seconds the register is not asked again; after that a revoked box has no key any more."""
    keys = NodeKeys(engine)
    first = keys.look_up(["box-1", "box-9"], NOW)
    assert set(first) == {"box-1"}
    with writing(engine) as session:
        revoke_node(session, "box-1", NOW)
        put_node(session, "box-9", "cell-1", public(9))
        session.commit()
    assert set(keys.look_up(["box-1", "box-9"], NOW + timedelta(seconds=4))) == {"box-1", "box-9"}
    assert set(keys.look_up(["box-1", "box-9"], NOW + timedelta(seconds=6))) == {"box-9"}


def test_a_revoked_box_comes_back_with_a_new_key_only(engine: Engine) -> None:
    """Entering the same key again leaves it revoked; a new key makes it valid."""
    with writing(engine) as session:
        revoke_node(session, "box-1", NOW)
        put_node(session, "box-1", "cell-1", public(1))
        session.commit()
    assert NodeKeys(engine).look_up(["box-1"], NOW) == {}
    with writing(engine) as session:
        put_node(session, "box-1", "cell-2", public(2))
        session.commit()
    assert set(NodeKeys(engine).look_up(["box-1"], NOW)) == {"box-1"}


def test_a_camera_hangs_somewhere_on_earth(engine: Engine) -> None:
    """Positions outside the earth, and names that are none, are refused."""
    for camera in (
        Camera(camera="cam-1", latitude=91, longitude=0, cell="cell-1"),
        Camera(camera="cam-1", latitude=0, longitude=181, cell="cell-1"),
        Camera(camera="Cam 1", latitude=0, longitude=0, cell="cell-1"),
    ):
        with writing(engine) as session, pytest.raises(BadInput):
            put_cameras(session, [camera])
