"""A whole centre in one process and one temporary folder: real authorities, probe service, ingest, store and cases.

Only two things are not as in the field: time, which is the scenario's, and the broker, which is the transport's
in-memory twin.
"""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import Engine

from central.accounts.service import Role, add_account
from central.authority.service import Authority, AuthorityFiles
from central.batches.store import SqlBatchStore
from central.database import open_database, writing
from central.ingest import Ingest
from central.nodes.service import import_fleet
from central.probes.service import ProbeService
from central.probes.templates import SealedTemplates
from central.routes.camera_graph import CameraPlace
from shared.clock import FixedClock
from shared.codes import DIMENSIONS
from shared.fleet import Fleet, FleetCamera, FleetNode
from shared.transport.memory import MemoryBroker, MemoryTransport

AUTHORITIES = ("north", "south")
TRACER, APPROVER = "tracer", "approver"


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """The keys of one cell's node; they never leave this process."""

    node: str
    cell: str
    signing: Ed25519PrivateKey = field(repr=False)
    sealing: X25519PrivateKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class Site:
    """The parts, open for the length of one replay."""

    clock: FixedClock
    engine: Engine
    store: SqlBatchStore
    authorities: tuple[Authority, ...]
    probes: ProbeService
    broker: MemoryBroker
    ingest: Ingest
    people: Mapping[str, Ed25519PrivateKey] = field(repr=False)

    def transport(self, name: str) -> MemoryTransport:
        """A connected client of the broker."""
        made = MemoryTransport(self.broker, name)
        made.connect()
        return made


@contextlib.contextmanager
def open_site(
    clock: FixedClock,
    cameras: Sequence[CameraPlace],
    nodes: Sequence[NodeIdentity],
    dimensions: Mapping[str, int] = DIMENSIONS,
) -> Iterator[Site]:
    """Everything made new, and gone afterwards, keys and files alike. `dimensions` are the lengths of clothes'
    embeddings, by model."""
    with tempfile.TemporaryDirectory(prefix="cairn-replay-") as name:
        folder = Path(name)
        probes_key = X25519PrivateKey.generate()
        people = {who: Ed25519PrivateKey.generate() for who in (TRACER, APPROVER)}
        fleet = _fleet(cameras, nodes)
        authorities = tuple(_authority(office, folder, (clock, probes_key, people, fleet)) for office in AUTHORITIES)
        engine = open_database(f"sqlite:///{folder / 'centre.sqlite'}")
        with writing(engine) as session:
            import_fleet(session, fleet, clock.now())
            for who, role in ((TRACER, Role.TRACER), (APPROVER, Role.APPROVER)):
                add_account(session, who, {role}, people[who].public_key().public_bytes_raw())
            session.commit()
        store, broker = SqlBatchStore(engine), MemoryBroker()
        inlet = MemoryTransport(broker, "svc-ingest")
        inlet.connect()
        ingest = Ingest(engine, store, inlet, clock)
        probes = ProbeService(probes_key, SealedTemplates(folder / "templates"), authorities, dimensions=dimensions)
        ingest.start()
        try:
            yield Site(clock, engine, store, authorities, probes, broker, ingest, people)
        finally:
            ingest.stop()
            engine.dispose()


def _fleet(cameras: Sequence[CameraPlace], nodes: Sequence[NodeIdentity]) -> Fleet:
    return Fleet(
        nodes=tuple(
            FleetNode(
                one.node, one.cell, one.signing.public_key().public_bytes_raw(),
                one.sealing.public_key().public_bytes_raw(),
            )
            for one in nodes
        ),
        cameras=tuple(FleetCamera(c.camera, c.latitude, c.longitude, c.indoor, c.cell) for c in cameras),
    )  # fmt: skip


def _authority(
    name: str,
    folder: Path,
    parts: tuple[FixedClock, X25519PrivateKey, Mapping[str, Ed25519PrivateKey], Fleet],
) -> Authority:
    clock, probes_key, people, fleet = parts
    passphrase = folder / f"{name}.passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text(secrets.token_hex(32))
    files = AuthorityFiles(
        name=name,
        database=folder / f"{name}.sqlite",
        passphrase_file=passphrase,
        signing_key=Ed25519PrivateKey.generate(),
        probes_public=probes_key.public_key().public_bytes_raw(),
    )
    made = Authority(files, clock)
    for person, key in people.items():
        made.registry.put_person(person, frozenset({person}), key.public_key().public_bytes_raw())
    made.registry.take_over(fleet)
    return made
