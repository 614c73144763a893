"""The centre as people run it: real processes, real broker, mutual TLS, and every step by its command."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from provisioning.fleet import fleet_of
from provisioning.inventory import CameraRow, import_inventory
from provisioning.registry import open_registry
from shared import topics
from shared.acks import AckStatus, decode_acks
from shared.batches import SCHEMA_VERSION, BatchKeys, Header, seal_batch
from shared.codes import FACE_BITS, encode
from shared.epochs import Epoch, Modality, code_key, seal_key
from shared.fleet import fleet_to_json
from shared.keys import read_public, read_sealing_key, read_signing_key, sealing_public
from shared.node_shares import open_grant
from shared.sightings import Sighting
from shared.templates import seal_template
from shared.transport import Message
from tests.central.authority_fixtures import FACE_MODEL, some_faces, some_template
from tests.system.centre_processes import CentreProcesses
from tests.system.site import AUTHORITIES, Site
from tests.waiting import wait_until

NODE, CELL, CAMERA = "box-1", "cell-1", "door"


@pytest.fixture
def centre(site: Site) -> Iterator[CentreProcesses]:
    """Everything set up and running, with one enrolled box and one camera."""
    processes = CentreProcesses(site)
    site.add_node(NODE, CELL)
    with open_registry(site.home / "registry.db") as registry:
        import_inventory(registry, [CameraRow(CAMERA, 37.5, 126.76, True, CELL)])
        (site.home / "fleet.json").write_text(fleet_to_json(fleet_of(registry)))
    processes.set_up()
    fleet = str(site.home / "fleet.json")
    processes.answer("node", "import", fleet, "--env-file", str(processes.home / "centre.env"))
    for name in AUTHORITIES:
        processes.answer("authority", "import", fleet, "--env-file", str(processes.home / f"{name}.env"))
    processes.start()
    try:
        yield processes
    finally:
        processes.stop()


class Box:
    """What `cairn-edge run` does after the camera: keys from the grants, a sealed batch, the acknowledgement."""

    def __init__(self, site: Site) -> None:
        self.folder, self.transport = site.home / "nodes" / NODE, site.node_transport(NODE)
        self.grants: dict[str, bytes] = {}
        self.stored: set[int] = set()
        for name in AUTHORITIES:
            self.transport.subscribe(topics.grants(NODE, name), self._take_grant)
        self.transport.subscribe(topics.acks(NODE), self._take_acks)
        self.transport.connect()
        wait_until(lambda: len(self.grants) == len(AUTHORITIES), "the grants")

    def batch(self, faces: np.ndarray, sequence: int, at: datetime) -> bytes:
        epoch, private = Epoch.at(CELL, at), read_sealing_key(self.folder / "sealing.key")
        shares = [open_grant(self.grants[name], name, NODE, private)[epoch] for name in sorted(self.grants)]
        codes = encode(faces, code_key([s.code for s in shares], Modality.FACE, FACE_MODEL, epoch), FACE_BITS)
        sightings = [Sighting(n, CAMERA, at, at, codes[n].tobytes(), None, quality=1.0) for n in range(len(faces))]
        header = Header(
            SCHEMA_VERSION, NODE, 1, sequence, 1, CELL, epoch.hour, 0, {"face": FACE_MODEL}, len(faces),
            (0, 0, 0, len(faces)),
        )  # fmt: skip
        keys = BatchKeys(seal_key([s.seal for s in shares], NODE, epoch), read_signing_key(self.folder / "signing.key"))
        return seal_batch(header, sightings, [], keys, sequence)

    def send(self, raw: bytes) -> None:
        self.transport.publish(Message(topics.batches(NODE), raw))

    def _take_grant(self, message: Message) -> None:
        self.grants[message.topic.rpartition("/")[2]] = message.payload

    def _take_acks(self, message: Message) -> None:
        self.stored |= {ack.sequence for ack in decode_acks(message.payload) if ack.status is AckStatus.STORED}


def test_a_case_by_its_commands(centre: CentreProcesses, tmp_path: Path) -> None:
    """From an empty folder to a route and its withdrawal with nothing but the commands, over mutual TLS throughout."""
    box, now, faces = Box(centre.site), datetime.now(UTC), some_faces(8)
    try:
        box.send(box.batch(faces, 0, now))
        wait_until(lambda: box.stored == {0}, "the acknowledgement")
    finally:
        box.transport.close()
    template = tmp_path / "template.sealed"
    probes = sealing_public(read_public(centre.home / "probes.key.pub"))
    template.write_bytes(seal_template(some_template(faces[:1]), "case-1", probes))
    window = ("--from", (now - timedelta(hours=1)).isoformat(), "--until", (now + timedelta(minutes=1)).isoformat())
    steps = [
        centre.case("kim", "open", "case-1", "--purpose", "kr-idcpa-76-2", *window),
        centre.case("kim", "register", "case-1", "--template", str(template)),
        centre.case("kim", "consent", "case-1", "--scope", "face", "--refuse", "appearance"),
    ]
    assert [said.code for said in steps] == [0, 0, 0], [said.err for said in steps]
    own = centre.case("kim", "approve", "case-1", "--yes")
    assert (own.code, "ReleaseRefused: the approver opened this case" in own.err) == (2, True)
    assert "another person" in own.err
    second = centre.case("lee", "approve", "case-1", "--yes")
    assert second.json["state"] == "approved"
    assert "Infectious Disease Control and Prevention Act" in second.err
    found = centre.case("kim", "search", "case-1")
    assert (found.code, found.json["done"], found.json["failed"]) == (0, 1, 0), found.err
    route = centre.case("kim", "route", "case-1").json["route"]
    assert [visit["candidate"]["sighting"] for visit in route["visits"]] == [f"{NODE}/1/0"]
    assert centre.case("kim", "contacts", "case-1", "--preset", "who-2021").json["contacts"] == []
    assert centre.case("kim", "map", "case-1", "--svg", str(tmp_path / "route.svg")).code == 0
    assert (tmp_path / "route.svg").read_text().startswith("<svg")
    withdrawn = {"case": "case-1", "state": "withdrawn", "withdrawn": ["face"], "untold": []}
    assert centre.case("kim", "withdraw", "case-1").json == withdrawn
    again = centre.case("kim", "search", "case-1")
    assert (again.code, "CaseEnded" in again.err) == (2, True)
    assert list((centre.home / "templates").iterdir()) == []
