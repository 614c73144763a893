"""Messages that must not be taken, sent by real clients over the real broker to the real ingest: each is on record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.batches.store import SqlBatchStore
from central.ingest import Ingest
from provisioning.authority import new_request
from provisioning.files import write_whole
from shared import topics
from shared.acks import Ack, AckStatus, decode_acks
from shared.batches import SCHEMA_VERSION, BatchKeys, Header, seal_batch
from shared.clock import SystemClock
from shared.codes import FACE_BITS
from shared.epochs import Epoch
from shared.face_mask import FaceMask
from shared.keys import read_signing_key
from shared.sightings import Sighting
from shared.transport import Message
from shared.wire import pack, unpack
from tests.system.offices import Offices, seal_key_of
from tests.system.site import Site
from tests.waiting import wait_until

CELL = "cell-1"


class Client:
    """A box's connection and keys, used as a well-behaved box never would."""

    def __init__(self, site: Site, node: str) -> None:
        self.node = node
        self.signing = read_signing_key(site.home / "nodes" / node / "signing.key")
        self.link = site.node_transport(node)
        self.acks: list[Ack] = []
        self.link.subscribe(topics.acks(node), lambda message: self.acks.extend(decode_acks(message.payload)))
        self.link.connect()
        wait_until(lambda: self.link.connected, "the broker")

    def batch(self, sequence: int, signing: Ed25519PrivateKey | None = None, hours_ago: int = 0) -> bytes:
        """A whole batch with one sighting, which has the sequence number as its number."""
        now = datetime.now(UTC) - timedelta(hours=hours_ago)
        epoch = Epoch.at(CELL, now)
        header = Header(SCHEMA_VERSION, self.node, 1, sequence, 1, CELL, epoch.hour, -1, {"face": "m"}, 1, (0, 0, 1, 0))
        sighting = Sighting(sequence, "cam-1", now, now, bytes(FACE_BITS // 8), None, FaceMask.ABSENT, 0.5)
        keys = BatchKeys(seal_key_of(self.node, epoch), signing or self.signing)
        return seal_batch(header, [sighting], [], keys, sequence)

    def send(self, raw: bytes, under: str = "") -> None:
        self.link.publish(Message(topics.batches(under or self.node), raw))


class Desk:
    """A running ingest over the broker, and two boxes."""

    def __init__(self, site: Site) -> None:
        for node in ("box-1", "box-2"):
            site.add_node(node, CELL)
        self.offices = Offices(site)
        self.link = site.service_transport("svc-centre")
        self.ingest = Ingest(self.offices.engine, SqlBatchStore(self.offices.engine), self.link, SystemClock())
        self.ingest.start()
        self.link.connect()
        wait_until(lambda: self.link.connected, "the broker")
        self.one, self.two = Client(site, "box-1"), Client(site, "box-2")

    def has(self, *names: str) -> None:
        """Wait until exactly these sightings are stored, each once."""
        wait_until(lambda: len(self.offices.stored()) >= len(names), f"{len(names)} sightings in the store")
        assert dict(self.offices.stored()) == dict.fromkeys(names, 1)

    def refused(self, *reasons: tuple[str, str]) -> None:
        """Wait until exactly these refusals are on record."""
        wait_until(lambda: len(self.offices.refusals()) >= len(reasons), f"{len(reasons)} refusals")
        assert sorted(self.offices.refusals()) == sorted(reasons)

    def close(self) -> None:
        for link in (self.one.link, self.two.link):
            link.close()
        self.ingest.stop()
        self.link.close()


@pytest.fixture
def desk(site: Site) -> Iterator[Desk]:
    made = Desk(site)
    yield made
    made.close()


def test_a_batch_in_another_boxs_name_is_refused(desk: Desk) -> None:
    """Under its own topic the centre refuses it; under the other's topic the broker drops it."""
    forged = desk.two.batch(1)
    desk.one.send(forged)
    desk.one.send(forged, under="box-2")
    desk.one.send(desk.one.batch(2))
    desk.has("box-1/1/2")
    desk.refused(("box-1", "WrongNode"))
    desk.two.send(desk.two.batch(1))
    desk.has("box-1/1/2", "box-2/1/1")


def test_a_wrong_signature_is_refused_and_the_right_one_still_taken(desk: Desk) -> None:
    """A forger cannot use up a box's sequence number."""
    desk.one.send(desk.one.batch(1, signing=Ed25519PrivateKey.generate()))
    desk.refused(("box-1", "BadSignature"))
    wait_until(lambda: desk.one.acks, "the refusal to be told")
    assert desk.one.acks[0].status is AckStatus.REFUSED
    desk.one.send(desk.one.batch(1))
    desk.has("box-1/1/1")


def test_an_unknown_version_is_refused_by_name(desk: Desk) -> None:
    """A batch of later software is not misread, and is on record for whoever forgot to update the centre."""
    raw = desk.one.batch(1)
    length = int.from_bytes(raw[6:10], "big")
    header = unpack(raw[10 : 10 + length], ValueError, "a header")  # type: ignore[arg-type]
    later = pack({**header, "version": 9})
    body = raw[:6] + len(later).to_bytes(4, "big") + later + raw[10 + length : -64]
    desk.one.send(body + desk.one.signing.sign(body))
    desk.refused(("box-1", "UnknownVersion"))
    desk.one.send(raw)
    desk.has("box-1/1/1")


def test_a_replayed_batch_is_answered_and_stored_once(desk: Desk) -> None:
    """The same bytes again are acknowledged again, for the box may forget them; other bytes of that number are not."""
    raw = desk.one.batch(1)
    for _ in range(3):
        desk.one.send(raw)
    wait_until(lambda: len(desk.one.acks) == 3, "three answers")
    assert {ack.status for ack in desk.one.acks} == {AckStatus.STORED}
    desk.has("box-1/1/1")
    desk.one.send(desk.one.batch(1, hours_ago=1))
    desk.refused(("box-1", "SequenceReused"))
    desk.has("box-1/1/1")


def test_garbage_of_any_size_is_refused_and_others_go_on(desk: Desk) -> None:
    """Small garbage is on record; 10 MB cost the sender its connection, and the next batch of everybody is taken."""
    desk.one.send(b"")
    desk.one.send(b"garbage")
    desk.one.send(b"CAIRNB" + bytes(400_000))
    desk.refused(("box-1", "BadBatch"), ("box-1", "BadBatch"), ("box-1", "TooLarge"))
    desk.one.send(bytes(10_000_000))
    wait_until(lambda: not desk.one.link.connected, "the broker to hang up")
    desk.two.send(desk.two.batch(1))
    desk.has("box-2/1/1")


def test_an_hour_past_retention_is_refused_and_a_late_one_taken(desk: Desk) -> None:
    """13 days late is taken, 15 days late is refused."""
    desk.one.send(desk.one.batch(1, hours_ago=15 * 24))
    desk.one.send(desk.one.batch(2, hours_ago=13 * 24))
    desk.has("box-1/1/2")
    desk.refused(("box-1", "OutOfTime"))


def test_an_expired_certificate_gets_nothing_in_and_a_new_one_everything(desk: Desk, site: Site) -> None:
    """While its certificate is expired a box is kept out by the broker; what it kept goes in with the new one."""
    folder = site.home / "nodes" / "box-1"
    good = {path: path.read_bytes() for path in (folder / "tls.key", folder / "tls.crt")}
    kept = desk.one.batch(1)
    desk.one.link.close()
    _expire(site, folder)
    late = site.node_transport("box-1")
    late.connect()
    wait_until(lambda: late.refused, "the broker to refuse it")
    late.close()
    for path, content in good.items():
        path.write_bytes(content)
    again = Client(site, "box-1")
    again.send(kept)
    desk.has("box-1/1/1")
    again.link.close()


def _expire(site: Site, folder: Path) -> None:
    key, request = new_request("box-1")
    (folder / "tls.key").write_bytes(key)
    write_whole(folder / "tls.crt", site.nodes.issue(request, "box-1", life=timedelta(hours=-1)))
