"""The offices of a site, for tests that need keys and a store but no case: grants, and what the centre has stored."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine
from sqlmodel import Session, select

from central.batches.tables import RefusedBatch, StoredBatch
from central.database import open_database
from central.nodes.service import import_fleet
from provisioning.fleet import fleet_of
from provisioning.registry import open_registry
from shared import topics
from shared.batches import open_batch, read_batch
from shared.epochs import Epoch, derive_shares, seal_key
from shared.keys import sealing_public
from shared.node_shares import seal_grant
from shared.sightings import sighting_id
from shared.transport import Message
from tests.system.site import AUTHORITIES, Site
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]


class Offices:
    """Both authorities' secrets, the centre's database, and the ingest process, which can be killed and started."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self.url = f"sqlite:///{site.home / 'centre.db'}"
        self.engine: Engine = open_database(self.url)
        self.ingest: subprocess.Popen[bytes] | None = None
        with open_registry(site.home / "registry.db") as registry, Session(self.engine) as session:
            self.fleet = fleet_of(registry)
            import_fleet(session, self.fleet, datetime.now(UTC))
            session.commit()

    def grant(self, *hours: int) -> None:
        """Both authorities leave these hours' shares for every node of the fleet."""
        for name in AUTHORITIES:
            transport = self._site.service_transport(f"svc-authority-{name}")
            transport.connect()
            wait_until(lambda transport=transport: transport.connected, "the broker")  # type: ignore[misc]
            for node in self.fleet.nodes:
                shares = {
                    Epoch(node.cell, hour): derive_shares(_secret(name), Epoch(node.cell, hour)) for hour in hours
                }
                raw = seal_grant(name, node.node, shares, sealing_public(node.sealing_public))
                transport.publish(Message(topics.grants(node.node, name), raw, retain=True))
            transport.close()

    def start_ingest(self) -> None:
        """`cairn-central ingest`, as it is installed."""
        keys = self._site.service_settings("svc-centre")
        environment = {
            **os.environ,
            "CAIRN_INGEST_DATABASE": self.url,
            "CAIRN_INGEST_BROKER_HOST": keys.host,
            "CAIRN_INGEST_BROKER_PORT": str(keys.port),
            "CAIRN_INGEST_CA": str(keys.ca),
            "CAIRN_INGEST_CERTIFICATE": str(keys.certificate),
            "CAIRN_INGEST_KEY": str(keys.key),
        }
        with (self._site.home / "ingest.log").open("ab") as log:
            command = [sys.executable, "-m", "central", "ingest"]
            self.ingest = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=log, stderr=log)

    def kill_ingest(self) -> None:
        if self.ingest:
            self.ingest.kill()
            self.ingest.wait()
            self.ingest = None

    def stored(self) -> Counter[str]:
        """How often each sighting is in the store, by name; every batch is opened with its epoch's key."""
        with Session(self.engine) as session:
            raws = session.exec(select(StoredBatch.raw)).all()
        return Counter(name for raw in raws for name in sightings_in(raw))

    def refusals(self) -> list[tuple[str, str]]:
        """(node, name of the reason) of everything that was refused."""
        with Session(self.engine) as session:
            rows: Sequence[RefusedBatch] = session.exec(select(RefusedBatch)).all()
        return [(row.node, row.reason.split(":")[0]) for row in rows]


def sightings_in(raw: bytes) -> list[str]:
    """The names of the sightings in a sealed batch."""
    batch = read_batch(raw)
    header = batch.header
    columns = open_batch(batch, seal_key_of(header.node, header.epoch))
    return [sighting_id(header.node, header.boot, int(number)) for number in columns.number]


def seal_key_of(node: str, epoch: Epoch) -> bytes:
    """The key that both authorities' shares give."""
    return seal_key([derive_shares(_secret(name), epoch).seal for name in AUTHORITIES], node, epoch)


def _secret(authority: str) -> bytes:
    return authority.encode().ljust(32, b"\0")
