"""The workshop of the demo: authorities for certificates, the inventory, every box enrolled, the broker started."""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from central.routes.camera_graph import CameraPlace
from provisioning.authority import CertificateAuthority
from provisioning.commands import start_broker
from provisioning.enrol import accept_claim, add_node, keep_certificate, make_claim
from provisioning.registry import open_registry
from shared.geo import EARTH_RADIUS_M
from tests.demo.layout import AUTHORITIES, HOST, LATITUDE, LONGITUDE, Layout
from tests.demo.processes import BIN, Children, uninterrupted
from tests.demo.script import Place, places

PROVISION = BIN / "cairn-provision"


def camera_places() -> tuple[CameraPlace, ...]:
    """The quarter's cameras on the map."""
    return tuple(_on_map(place) for place in places())


def _on_map(place: Place) -> CameraPlace:
    north = math.degrees(place.north_m / EARTH_RADIUS_M)
    east = math.degrees(place.east_m / EARTH_RADIUS_M / math.cos(math.radians(LATITUDE)))
    return CameraPlace(place.camera, LATITUDE + north, LONGITUDE + east, place.indoor, place.cell)


class Workshop:
    """Types the commands of cairn-provision; the many simulated boxes are enrolled by the same functions directly."""

    def __init__(self, layout: Layout, children: Children) -> None:
        self._layout, self._children = layout, children

    def open(self, cameras: Sequence[CameraPlace]) -> None:
        """Authorities for certificates, and the inventory of cameras."""
        self._type("ca", "init")
        listing = self._layout.home / "cameras.csv"
        with listing.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["camera_id", "latitude", "longitude", "indoor", "cell"])
            writer.writerows(
                [c.camera, f"{c.latitude:.6f}", f"{c.longitude:.6f}", int(c.indoor), c.cell] for c in cameras
            )
        self._type("inventory", "import", listing)

    def enrol(self, node: str, cell: str) -> None:
        """One box, in the three steps of two places: its keys are born in its own folder."""
        keys = self._layout.box(node)
        keys.mkdir(parents=True)
        added = json.loads(self._type("node", "add", node, "--cell", cell, "--json"))
        claim, answer = keys / "claim.json", keys / "answer.json"
        claim.write_text(
            self._type("enrol", "prepare", "--node", node, "--token", added["token"], "--keys", keys / "keys")
        )
        answer.write_text(self._type("enrol", "accept", claim))
        self._type("enrol", "finish", answer, "--keys", keys / "keys")
        claim.unlink()

    def enrol_many(self, cells: Sequence[str]) -> dict[str, str]:
        """A box for each cell, named after it; returns node by cell. In process, because there are dozens."""
        home, now = self._layout.workshop, datetime.now(UTC)
        nodes, services = (CertificateAuthority(home / "ca" / kind) for kind in ("nodes", "services"))
        named = {cell: f"box-{cell}" for cell in cells}
        with open_registry(home / "registry.db") as registry:
            for cell, node in named.items():
                keys = self._layout.box(node) / "keys"
                claim = make_claim(keys, node, add_node(registry, node, cell, now))
                certificate = accept_claim(registry, nodes, claim, now)
                keep_certificate(keys, node, certificate, services.certificate_path.read_bytes())
        return named

    def certify(self, service: str) -> None:
        """A certificate for one of the centre's programs."""
        self._type("service", "add", service, "--host", HOST, "--host", "127.0.0.1")

    def export_fleet(self) -> None:
        self._type("fleet", "export", self._layout.fleet)

    def start_broker(self, observer: str = "") -> None:
        """mosquitto with mutual TLS. `observer` may read everything, which no certificate may but for a test's."""
        port = self._layout.broker_port
        options = [option for name in AUTHORITIES for option in ("--authority", name)]
        self._type("broker", "write", "--host", "127.0.0.1", "--host", HOST, "--port", str(port), *options)
        folder = self._layout.workshop / "broker"
        if observer:
            with (folder / "acl").open("a") as acl:
                acl.write(f"\nuser {observer}\ntopic read #\n")
        log = self._layout.logs / "broker.log"
        with uninterrupted():
            self._children.adopt("broker", start_broker(folder / "mosquitto.conf", port, log), log)

    def _type(self, *words: str | Path) -> str:
        return self._children.command(PROVISION, "--home", self._layout.workshop, *words).out
