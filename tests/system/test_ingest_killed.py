"""Ingest and broker killed with -9 while a box sends: nothing of what was written is lost, and nothing is doubled."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime
from pathlib import Path

from sqlmodel import Session, select

from central.batches.tables import StoredBatch
from central.database import open_database, writing
from central.nodes.service import put_node
from central.nodes.tables import Node
from shared import topics
from shared.acks import AckStatus, decode_acks
from shared.batches import SCHEMA_VERSION, BatchKeys, Header, seal_batch
from shared.epochs import Epoch
from shared.errors import TransportDown
from shared.keys import read_signing_key
from shared.sightings import Sighting
from shared.transport import Message
from shared.wire import pack
from tests.system.centre_processes import CentreProcesses
from tests.system.site import Site
from tests.waiting import wait_until

BATCHES, KILLS = 300, 8


class StubbornBox:
    """Sends whatever is not acknowledged, over and over, as an outbox does; deletes on the centre's word alone."""

    def __init__(self, site: Site, folder: Path) -> None:
        key, hour = read_signing_key(folder / "signing.key"), Epoch.at("cell-1", datetime.now(UTC))
        self.waiting = {n: _batch(n, hour, BatchKeys(bytes(32), key)) for n in range(BATCHES)}
        self.sent = dict(self.waiting)
        self.over = threading.Event()
        self.transport = site.node_transport("box-1")
        self.transport.subscribe(topics.acks("box-1"), self._take)
        self.thread = threading.Thread(target=self._run)

    def _take(self, message: Message) -> None:
        for ack in decode_acks(message.payload):
            assert ack.status is AckStatus.STORED, ack.reason
            self.waiting.pop(ack.sequence, None)

    def _run(self) -> None:
        while self.waiting and not self.over.is_set():
            for raw in list(self.waiting.values())[:20]:
                try:
                    self.transport.publish(Message(topics.batches("box-1"), raw))
                except TransportDown:
                    break
            self.over.wait(0.1)


def _batch(sequence: int, epoch: Epoch, keys: BatchKeys) -> bytes:
    seen = Sighting(sequence, "door", epoch.start, epoch.start, bytes(128), None)
    header = Header(SCHEMA_VERSION, "box-1", 1, sequence, 1, "cell-1", epoch.hour, 0, {}, 1, (0, 0, 0, 1))
    return seal_batch(header, [seen], [], keys, sequence)


def test_nothing_is_lost_and_nothing_doubled_over_kills(site: Site) -> None:
    """After eight kills of ingest and broker, the store holds each batch that the box wrote exactly once."""
    centre = CentreProcesses(site)
    box_folder = site.add_node("box-1", "cell-1")
    public = read_signing_key(box_folder / "signing.key").public_key().public_bytes_raw()
    engine = open_database(centre.database)
    with writing(engine) as session:
        put_node(session, "box-1", "cell-1", public)
        session.commit()
    centre.set_up_ingest()
    centre.spawn("ingest", "ingest")
    box, chance = StubbornBox(site, box_folder), random.Random(7)
    box.transport.connect()
    box.thread.start()
    try:
        for kill in range(KILLS):
            left = len(box.waiting)
            wait_until(lambda left=left: len(box.waiting) < left or not box.waiting, "some batches to be stored", 60)  # type: ignore[misc]
            threading.Event().wait(chance.random() * 0.3)
            if kill % 3 == 2:
                site.kill()
                site.start()
            else:
                centre.kill("ingest")
                centre.spawn("ingest", "ingest")
        wait_until(lambda: not box.waiting, "every batch to be acknowledged", 120)
    finally:
        box.over.set()
        box.thread.join()
        box.transport.close()
        centre.stop()
    with Session(engine) as session:
        rows = session.exec(select(StoredBatch.sequence, StoredBatch.raw)).all()
    assert len(rows) == BATCHES
    assert dict(rows) == box.sent


def test_the_centre_knows_how_its_boxes_are(site: Site) -> None:
    """Birth, state and death of a box reach the register of nodes over the real broker."""
    centre = CentreProcesses(site)
    box_folder = site.add_node("box-1", "cell-1")
    engine = open_database(centre.database)
    with writing(engine) as session:
        put_node(
            session, "box-1", "cell-1", read_signing_key(box_folder / "signing.key").public_key().public_bytes_raw()
        )
        session.commit()
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
