"""Two authorities, a probe service and a node with real keys, for the tests of authority, probes and search."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.authority.released import Recipient
from central.authority.service import Authority, AuthorityFiles
from central.probes.service import ProbeService
from central.probes.templates import Kept, SealedTemplates
from shared.batches import SCHEMA_VERSION, BatchKeys, Header, seal_batch
from shared.clock import FixedClock
from shared.codes import APPEARANCE_BITS, FACE_BITS, encode, quantise
from shared.epochs import Epoch, Modality, code_key, seal_key
from shared.face_mask import FaceMask
from shared.node_shares import open_grant
from shared.releases import Approval, CaseScope, Release, digest_of, release_to_bytes, sign
from shared.sightings import Encounter, Sighting
from shared.templates import AppearancePart, FacePart, Template, seal_template
from shared.topics import grants
from shared.transport import Message
from shared.transport.memory import MemoryBroker, MemoryTransport
from tests.consents import BASIS, a_consent
from tests.made_databases import authoritys_database, put_database

NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
FACE_MODEL, APPEARANCE_MODEL = "mfn192-int8-1", "reid-mnv2-1"
CELL, NODE, CASE = "cell-1", "node-1", "case-1"
# Drawn once a process, so that they are entered once too, in databases that every world gets its own copies of.
PEOPLE = {name: Ed25519PrivateKey.generate() for name in ("kim", "lee", "both")}
NODE_SEALING, NODE_SIGNING = X25519PrivateKey.generate(), Ed25519PrivateKey.generate()
PROBES_KEY = X25519PrivateKey.generate()
SIGNING: dict[str, Ed25519PrivateKey] = {}


@dataclass
class World:
    """Everything real but the network: authorities (a and b), the probe service, and one node of cell-1."""

    folder: Path
    clock: FixedClock = field(default_factory=lambda: FixedClock(NOW))
    names: tuple[str, ...] = ("authority-a", "authority-b")

    def __post_init__(self) -> None:
        self.signing = {name: SIGNING.setdefault(name, Ed25519PrivateKey.generate()) for name in self.names}
        self.people, self.node_sealing, self.node_signing = dict(PEOPLE), NODE_SEALING, NODE_SIGNING
        self.probes_key = PROBES_KEY
        self.authorities = [self._new(name) for name in self.names]
        self.probes = ProbeService(self.probes_key, SealedTemplates(self.folder / "templates"), self.authorities)
        self.template, self.photos = b"", 1  # of the latest `register`
        self.broker = MemoryBroker()
        self.transport = MemoryTransport(self.broker, "svc-authority")
        self.transport.connect()
        for authority in self.authorities:
            authority.publish_grants(self.transport, hours_ahead=1)

    def authority(self, name: str, **changes: Any) -> Authority:
        """A new one, or the same again on its database; `changes` are other fields of its files."""
        made = Authority(dataclasses.replace(self._files(name), **changes), self.clock)
        _enter(made, self.people)
        return made

    def _new(self, name: str) -> Authority:
        """As `authority`; in a database that is not there yet everybody has been entered already."""
        database = self.folder / f"{name}.sqlite"
        if database.exists():
            return self.authority(name)
        put_database(database, partial(_entered, name, self.clock.now()))
        return Authority(self._files(name), self.clock)

    def _files(self, name: str) -> AuthorityFiles:
        key = self.signing.setdefault(name, Ed25519PrivateKey.generate())
        return _files_in(self.folder, name, key, self.probes_key)

    def scope(self, case: str = CASE, consents: tuple[str, ...] = ("face",)) -> CaseScope:
        now = self.clock.now()
        start, end = now - timedelta(hours=12), now + timedelta(minutes=30)
        return CaseScope(case, BASIS, "kim", start, end, (CELL,), consents, now + timedelta(days=2))

    def release(self, scope: CaseScope | None = None, approver: str = "lee") -> bytes:
        return release_to_bytes(self.signed(scope or self.scope(), approver))

    def signed(self, scope: CaseScope, approver: str = "lee") -> Release:
        receipt = a_consent(scope.case, self.clock.now(), ("face", "appearance"), purpose=scope.purpose)
        template = sha256(self.template).digest()
        digests = (digest_of(scope), digest_of(receipt), template)
        approval = Approval(scope.case, approver, *digests, self.photos, self.clock.now())
        opener = self.people[scope.opened_by]
        return Release(
            scope=scope,
            consent=receipt,
            approval=approval,
            opener_signature=sign(scope, "opener", opener),
            approver_signature=sign(approval, "approver", self.people[approver]),
            consent_signature=sign(receipt, "witness", self.people["kim"]),
        )

    def grant(self, authority: str) -> bytes:
        """The retained grant that the broker keeps for the node."""
        got: list[Message] = []
        reader = MemoryTransport(self.broker, f"reader-{authority}")
        reader.connect()
        reader.subscribe(grants(NODE, authority), got.append)
        return got[-1].payload

    def node_shares(self, epoch: Epoch) -> tuple[list[bytes], list[bytes]]:
        """Code and seal shares of an epoch, as the node opens them from its grants."""
        names = [authority.name for authority in self.authorities]
        opened = [open_grant(self.grant(name), name, NODE, self.node_sealing)[epoch] for name in names]
        return [shares.code for shares in opened], [shares.seal for shares in opened]

    def register(self, face: np.ndarray | None, clothes: np.ndarray | None = None, case: str = CASE) -> Kept:
        """Register a face float32[1, 192], with and without a face mask the same, or clothes float32[1, 1280]."""
        template = some_template(face, clothes)
        self.template = seal_template(template, case, self.probes_key.public_key())
        self.photos = template.photos
        return self.probes.register(case, self.template)

    def batch(
        self,
        faces: np.ndarray,
        encounters: tuple[Encounter, ...] = (),
        sequence: int = 0,
        numbers: Sequence[int] | None = None,
        model: str = FACE_MODEL,
        **changes: object,
    ) -> bytes:
        """One sealed batch of this hour: a sighting a face, one a minute, numbered from 0; or only those `numbers`.
        `changes` are made to every sighting."""
        numbers = range(len(faces)) if numbers is None else numbers
        epoch = Epoch.at(CELL, self.clock.now())
        code_shares, seal_shares = self.node_shares(epoch)
        face_key = code_key(code_shares, Modality.FACE, model, epoch)
        clothes_key = code_key(code_shares, Modality.APPEARANCE, APPEARANCE_MODEL, epoch)
        codes = encode(faces, face_key, FACE_BITS)
        clothes = encode(np.resize(faces, (len(faces), 1280)).astype(np.float32), clothes_key, APPEARANCE_BITS)
        sightings = [
            Sighting(
                number=n,
                camera="door",
                start=epoch.start + timedelta(minutes=n),
                end=epoch.start + timedelta(minutes=n, seconds=30),
                face_code=codes[n].tobytes(),
                appearance_code=clothes[n].tobytes(),
                mask=FaceMask.ABSENT,
                quality=1.0,
                east_m=1.5,
                north_m=-2.25,
            )
            for n in numbers
        ]
        sightings = [dataclasses.replace(one, **changes) for one in sightings]  # type: ignore[arg-type]
        models = {"face": model, "appearance": APPEARANCE_MODEL}
        masks = (0, 0, len(numbers), 0)
        header = Header(SCHEMA_VERSION, NODE, 1, sequence, 1, epoch.cell, epoch.hour, 0, models, len(numbers), masks)
        keys = BatchKeys(seal_key(seal_shares, NODE, epoch), self.node_signing)
        return seal_batch(header, sightings, encounters, keys, sequence)

    def worker_releases(self, release: bytes, public: bytes) -> dict[str, bytes]:
        return {a.name: a.release(release, Recipient.SEARCH, public) for a in self.authorities}


def _files_in(folder: Path, name: str, key: Ed25519PrivateKey, probes: X25519PrivateKey) -> AuthorityFiles:
    passphrase = folder / f"{name}.passphrase"
    passphrase.touch(mode=0o600)
    passphrase.write_text(f"correct horse battery {name}")
    database = folder / f"{name}.sqlite"
    authoritys_database(database)
    return AuthorityFiles(name, database, passphrase, key, probes.public_key().public_bytes_raw())


def _enter(authority: Authority, people: dict[str, Ed25519PrivateKey]) -> None:
    roles = {"kim": {"tracer"}, "lee": {"approver"}, "both": {"tracer", "approver"}}
    for person, held in roles.items():
        key = people[person].public_key().public_bytes_raw()
        authority.registry.put_person(person, frozenset(held), key)
    authority.registry.put_node(NODE, CELL, NODE_SEALING.public_key().public_bytes_raw())


@cache
def _entered(name: str, at: datetime) -> bytes:
    """The database of a new authority of this name in which, at this time, everybody was entered."""
    with tempfile.TemporaryDirectory() as folder:
        files = _files_in(Path(folder), name, Ed25519PrivateKey.generate(), PROBES_KEY)
        made = Authority(files, FixedClock(at))
        _enter(made, PEOPLE)
        made.engine.dispose()
        return files.database.read_bytes()


def replaced(scope: CaseScope, **changes: object) -> CaseScope:
    """The scope with some fields changed."""
    return dataclasses.replace(scope, **changes)  # type: ignore[arg-type]


def some_template(
    face: np.ndarray | None, clothes: np.ndarray | None = None, model: str = FACE_MODEL, worn: str = APPEARANCE_MODEL
) -> Template:
    """A template of a face float32[1, d], which is the same with a face mask, or of clothes float32[1, d], or both."""
    of_face = None if face is None else FacePart(model, *quantise(np.concatenate([face, face])))
    of_clothes = None if clothes is None else AppearancePart(worn, quantise(clothes)[0])
    return Template(0 if face is None else 1, of_face, of_clothes)


def some_faces(count: int, seed: int = 1) -> np.ndarray:
    """Unit vectors float32[count, 192], far from each other."""
    faces = np.random.default_rng(seed).standard_normal((count, 192)).astype(np.float32)
    return np.asarray(faces / np.linalg.norm(faces, axis=1, keepdims=True), np.float32)
