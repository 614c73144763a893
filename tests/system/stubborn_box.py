"""A box that sends 300 batches until the centre has confirmed each, whatever falls in between."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from sqlmodel import Session, select

from central.batches.tables import StoredBatch
from central.database import open_database, writing
from central.nodes.service import put_node
from shared import topics
from shared.acks import AckStatus, decode_acks
from shared.batches import SCHEMA_VERSION, BatchKeys, Header, seal_batch
from shared.epochs import Epoch
from shared.errors import TransportDown
from shared.keys import read_signing_key
from shared.sightings import Sighting
from shared.transport import Message
from tests.system.centre_processes import CentreProcesses
from tests.system.site import Site
from tests.waiting import wait_until

BATCHES = 300


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

    def deliver(self, falls: Iterable[Callable[[], None]], chance: random.Random) -> None:
        """Send everything; each fall happens once some more batches are stored, at a moment that nobody chose."""
        self.transport.connect()
        self.thread.start()
        try:
            for fall in falls:
                left = len(self.waiting)
                wait_until(lambda left=left: len(self.waiting) < left or not self.waiting, "batches to be stored", 60)  # type: ignore[misc]
                threading.Event().wait(chance.random() * 0.3)
                fall()
            wait_until(lambda: not self.waiting, "every batch to be acknowledged", 120)
        finally:
            self.over.set()
            self.thread.join()
            self.transport.close()

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


def enter_box(site: Site, database: str) -> Path:
    """Enrol box-1 and enter it at the centre; returns its folder."""
    folder: Path = site.add_node("box-1", "cell-1")
    public = read_signing_key(folder / "signing.key").public_key().public_bytes_raw()
    engine = open_database(database)
    with writing(engine) as session:
        put_node(session, "box-1", "cell-1", public)
        session.commit()
    engine.dispose()
    return folder


def fallen(centre: CentreProcesses) -> None:
    """Ingest is killed with -9 and started again."""
    centre.kill("ingest")
    centre.spawn("ingest", "ingest")


def stored(database: str) -> list[tuple[int, bytes]]:
    """Sequence numbers and bytes of all batches that the centre has."""
    engine = open_database(database)
    with Session(engine) as session:
        rows = session.exec(select(StoredBatch.sequence, StoredBatch.raw)).all()
    engine.dispose()
    return [(sequence, raw) for sequence, raw in rows]


def _batch(sequence: int, epoch: Epoch, keys: BatchKeys) -> bytes:
    seen = Sighting(sequence, "door", epoch.start, epoch.start, bytes(128), None)
    header = Header(SCHEMA_VERSION, "box-1", 1, sequence, 1, "cell-1", epoch.hour, 0, {}, 1, (0, 0, 0, 1))
    return seal_batch(header, [seen], [], keys, sequence)
