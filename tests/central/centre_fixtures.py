"""The centre with everything real but the network to its offices: API, database, authorities, probe service, worker."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import Session, select

from central.__main__ import main
from central.accounts.service import Role, add_account
from central.app import create_app
from central.audit.tables import AuditEntry
from central.batches.store import SqlBatchStore
from central.cases.client import CaseClient
from central.centre import Centre
from central.database import open_database, writing
from central.nodes.service import put_cameras, put_node
from central.nodes.tables import Camera
from central.routes.jobs import RouteJobs
from central.search.case_search import SearchParts
from central.settings import CentreSettings
from shared.batches import read_batch
from shared.calibration.curves import Band, Calibration
from shared.calibration.laws import Bulk, Curve, Tail
from shared.codes import APPEARANCE_BITS, FACE_BITS
from shared.epochs import Modality
from shared.face_mask import FaceMask
from shared.releases import CaseScope, ConsentReceipt
from shared.templates import seal_template
from tests.central.authority_fixtures import (
    APPEARANCE_MODEL,
    CASE,
    CELL,
    FACE_MODEL,
    NODE,
    World,
    some_faces,
    some_template,
)
from tests.central.http_fixtures import serving
from tests.consents import BASIS, a_consent
from tests.postgres import database_in
from tests.waiting import wait_until

ROLES = {
    "kim": {Role.TRACER},
    "lee": {Role.APPROVER},
    "both": {Role.TRACER, Role.APPROVER},
    "tam": {Role.TRACER},
    "oda": {Role.PRIVACY_OFFICER},
    "tec": {Role.TECHNICIAN},
    "adm": {Role.ADMINISTRATOR},
}
SETTINGS = CentreSettings(
    database="sqlite://",  # type: ignore[arg-type]  # unused: the fixture opens the database itself
    authorities={"authority-a": "http://127.0.0.1:1", "authority-b": "http://127.0.0.1:2"},
    probes="http://127.0.0.1:3",
)


def plain_calibration() -> Calibration:
    """One curve for every mask and quality: close pictures of one face against strangers near half of the bits."""

    def bands(bits: int) -> list[Band]:
        curve = Curve(bits, Bulk(0.25, 0.01), Bulk(0.5, 0.002), Tail(bits * 2 // 5, 1e-4, bits / 100), 0.3, 0.3)
        return [Band(frozenset(FaceMask), 0.0, False, curve)]

    models = {Modality.FACE: FACE_MODEL, Modality.APPEARANCE: APPEARANCE_MODEL}
    curves = {Modality.FACE: bands(FACE_BITS), Modality.APPEARANCE: bands(APPEARANCE_BITS)}
    return Calibration("for tests", "2026-11-24", "made up", models, curves)


_UNUSED = ssl.create_default_context()  # to read the CAs anew costs each client more than all that it asks


@dataclass
class Office:
    """A World, a centre on top of it, and one client a person; use it as `with office.open():`."""

    folder: Path
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self.world = World(self.folder)
        self.engine = open_database(database_in(self.folder))
        self.store = SqlBatchStore(self.engine)
        self.keys = {name: self.world.people.get(name) or Ed25519PrivateKey.generate() for name in ROLES}
        with writing(self.engine) as session:
            self.tokens = {
                name: add_account(session, name, roles, self.keys[name].public_key().public_bytes_raw())
                for name, roles in ROLES.items()
            }
            put_node(session, NODE, CELL, self.world.node_signing.public_key().public_bytes_raw())
            put_cameras(session, [Camera(camera="door", latitude=37.5, longitude=126.76, indoor=True, cell=CELL)])
            session.commit()
        self.parts = SearchParts(self.world.authorities, self.world.probes, self.store)

    @contextmanager
    def open(self, parts: SearchParts | None = None) -> Iterator[Office]:
        """Serve; with `parts`, some of the offices are replaced, such as one that is away."""
        used = parts or self.parts
        jobs = RouteJobs(self.engine, self.world.clock, used, plain_calibration(), 2, pause_s=0.05)
        self.centre = Centre(self.engine, self.world.clock, used, jobs)
        self.app = create_app(SETTINGS, self.centre)
        with ExitStack() as self._stack:
            self.url = self._stack.enter_context(serving(self.app))
            # What upkeep writes in its first round would fall anywhere among what a test does.
            wait_until(self.app.state.upkeep.settled.is_set, "the first round of upkeep", 60)
            self.http = self._stack.enter_context(self.browser())
            yield self

    def as_(self, name: str) -> CaseClient:
        """The API as this person uses it."""
        headers = {"Authorization": f"Bearer {self.tokens[name]}"}
        return CaseClient(self._stack.enter_context(self.browser(headers=headers)), name)

    def browser(self, **options: Any) -> httpx.Client:
        """Whatever speaks HTTP with this centre and follows where it is sent."""
        return httpx.Client(base_url=self.url, follow_redirects=True, timeout=60, verify=_UNUSED, **options)

    def scope(self, case: str = CASE, opened_by: str = "kim", **changes: Any) -> CaseScope:
        now = self.world.clock.now()
        plain: dict[str, Any] = {
            "case": case,
            "purpose": BASIS,
            "opened_by": opened_by,
            "start": now - timedelta(hours=12),
            "end": now + timedelta(minutes=30),
            "cells": (CELL,),
            "consents": ("face",),
            "expires": now + timedelta(days=2),
        }
        return CaseScope(**(plain | changes))

    def receipt(self, case: str = CASE, signed_by: str = "kim", **changes: Any) -> ConsentReceipt:
        return a_consent(case, self.world.clock.now(), **({"signed_by": signed_by} | changes))

    def sealed_template(self, case: str = CASE, faces: np.ndarray | None = None, model: str = FACE_MODEL) -> bytes:
        """What `cairn-edge register` would write for these faces."""
        template = some_template(some_faces(1) if faces is None else faces, model=model)
        return seal_template(template, case, self.world.probes_key.public_key())

    def opened(self, case: str = CASE, by: str = "kim") -> CaseClient:
        """Opened, consented to and registered by its tracer."""
        client = self.as_(by)
        client.open(self.scope(case, by), self.keys[by])
        client.consent(self.receipt(case, by), self.keys[by])
        client.register(case, self.sealed_template(case))
        return client

    def approve(self, who: str, case: str = CASE) -> Any:
        """The second signature by this person, with their own key."""
        client = self.as_(who)
        return client.approve(client.to_approve(case), self.keys[who], self.world.clock.now())

    def approved(self, case: str = CASE) -> CaseClient:
        """The same, and approved by lee; the tracer's client."""
        client = self.opened(case)
        self.approve("lee", case)
        return client

    def searched(self, client: CaseClient, case: str = CASE) -> Any:
        """Start a search and wait for its end."""
        job = client.ask("POST", f"/cases/{case}/route-jobs")
        path = f"/cases/{case}/route-jobs/{job['job']}"
        wait_until(lambda: client.ask("GET", path)["state"] not in ("waiting", "running"), "the search", 60)
        return client.ask("GET", path)

    def found(self) -> CaseClient:
        """A case of which a search found one visit; its tracer's client."""
        self.fill()
        client = self.approved()
        self.searched(client)
        return client

    def close(self) -> None:
        """Nothing in its folder is open any more."""
        for engine in (self.engine, *(one.engine for one in self.world.authorities)):
            engine.dispose()

    def typed(self, *words: str, by: str = "kim") -> None:
        """Run the command that this person types, against this centre."""
        token = self.folder / f"{by}.token"
        token.write_text(self.tokens[by])
        main([*words, "--api", self.url, "--token-file", str(token)])

    def fill(self, faces: int = 12) -> None:
        """One batch of this hour in the store; the patient's face is the first."""
        batch = read_batch(self.world.batch(some_faces(faces)))
        assert self.store.add([batch], self.world.clock.now()) == [None]

    def audit(self) -> list[AuditEntry]:
        with Session(self.engine) as session:
            return list(session.exec(select(AuditEntry).order_by(AuditEntry.id)).all())  # type: ignore[arg-type]


class FoundOffice(Office):
    """An office that was searched in already, as after `found`: that is done once a process, and its folder copied.

    For tests that only begin with a route; keeps its data in its folder, whatever `database_in` says.
    """

    def __post_init__(self) -> None:
        for name, content in _found().items():
            path = self.folder / name
            path.parent.mkdir(exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(content)
        super().__post_init__()

    def found(self) -> CaseClient:
        return self.as_("kim")


@cache
def _found() -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        office = Office(Path(folder))
        with office.open():
            office.found()
        office.close()
        files = [path for path in Path(folder).rglob("*") if path.is_file()]
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}
