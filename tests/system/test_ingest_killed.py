"""Ingest and broker killed with -9 while a box sends: nothing of what was written is lost, and nothing is doubled."""

from __future__ import annotations

import random
from datetime import UTC, datetime

from sqlmodel import Session

from central.database import open_database
from central.nodes.tables import Node
from shared import topics
from shared.transport import Message
from shared.wire import pack
from tests.system.centre_processes import CentreProcesses
from tests.system.site import Site
from tests.system.stubborn_box import BATCHES, StubbornBox, enter_box, fallen, stored
from tests.waiting import wait_until

KILLS = 8


def test_nothing_is_lost_and_nothing_doubled_over_kills(site: Site) -> None:
    """After eight kills of ingest and broker, the store holds each batch that the box wrote exactly once."""
    centre = CentreProcesses(site)
    folder = enter_box(site, centre.database)
    centre.set_up_ingest()
    centre.spawn("ingest", "ingest")
    box = StubbornBox(site, folder)

    def broker_falls() -> None:
        site.kill()
        site.start()

    falls = [broker_falls if kill % 3 == 2 else lambda: fallen(centre) for kill in range(KILLS)]
    try:
        box.deliver(falls, random.Random(7))
    finally:
        centre.stop()
    rows = stored(centre.database)
    assert len(rows) == BATCHES
    assert dict(rows) == box.sent


def test_the_centre_knows_how_its_boxes_are(site: Site) -> None:
    """Birth, state and death of a box reach the register of nodes over the real broker."""
    centre = CentreProcesses(site)
    enter_box(site, centre.database)
    engine = open_database(centre.database)
    centre.set_up_ingest()

    def said(state: str, camera: str) -> Message:
        about = {"v": 1, "node": "box-1", "boot": 1, "state": state, "at": int(datetime.now(UTC).timestamp())}
        depth = {"pending": 2, "ready": 3, "refused": 0, "bytes": 10}
        more = {"camera": camera, "outbox": depth, "key_hours": [], "lost": 1, "clock_synchronised": True}
        return Message(topics.health("box-1"), pack(about | more), retain=True)

    def node() -> Node:
        with Session(engine) as session:
            return session.get_one(Node, "box-1")

    box = site.node_transport("box-1", will=said("down", "starting"))
    box.connect()
    wait_until(lambda: box.connected, "the box")
    box.publish(said("up", "seeing"))
    centre.spawn("ingest", "ingest")
    try:
        wait_until(lambda: node().state == "up", "the retained state", 60)
        row = node()
        assert (row.camera_state, row.waiting, row.lost, row.clock_synchronised) == ("seeing", 5, 1, True)
        assert row.last_seen is not None
        box._client._sock_close()  # the box's power is cut: no DISCONNECT, so the broker sends its will
        box._client.loop_stop()
        wait_until(lambda: node().state == "down", "the box's last will", 60)
        assert node().camera_state == "seeing"
    finally:
        centre.stop()
