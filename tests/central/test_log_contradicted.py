"""A centre whose audit log a witness contradicts: it says so, searches nothing, and still keeps a patient's word."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import Session

from central.app import create_app
from central.audit.evidence import check_proof
from central.audit.notes import Kind, Verifier
from central.audit.publisher import Publisher
from central.audit.service import LOG, PUBLISHED
from central.audit.witness import Witness
from central.audit.witness_client import WitnessClient
from central.audit.witness_http import create_app as witness_app
from central.audit.witness_store import WitnessStore
from central.authority.client import client
from central.cases.client import ApiRefused
from central.centre import Centre
from central.routes.jobs import RouteJobs
from provisioning.authority import CertificateAuthority
from tests.central.authority_fixtures import CASE
from tests.central.centre_fixtures import SETTINGS, Office, plain_calibration
from tests.central.http_fixtures import serving
from tests.central.log_fixtures import LoggedCentre
from tests.central.test_authority_app import credentials
from tests.waiting import wait_until

ORIGIN = "cairn.example/centre"
KEY = Ed25519PrivateKey.generate()
LOG_KEY = Verifier.of(ORIGIN, Kind.LOG, KEY)


@contextmanager
def served(office: Office, publisher: Publisher) -> Iterator[Office]:
    """The centre with a published log, from its start on."""
    jobs = RouteJobs(office.engine, office.world.clock, office.parts, plain_calibration(), 2)
    office.centre = Centre(office.engine, office.world.clock, office.parts, jobs, publisher=publisher)
    with ExitStack() as office._stack:
        office.url = office._stack.enter_context(serving(create_app(SETTINGS, office.centre)))
        office.http = office._stack.enter_context(office.browser())
        yield office


def witness(office: Office, *logs: Verifier) -> Witness:
    path = office.folder / "witness.sqlite"
    store = WitnessStore(path) if path.exists() else WitnessStore.make(path)
    key = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
    return Witness("health.example/w", key, [LOG_KEY, *logs], store, office.world.clock)


def publisher(office: Office, watched: Witness | WitnessClient, key: Verifier) -> Publisher:
    return Publisher(office.engine, office.world.clock, PUBLISHED, (ORIGIN, KEY), {key: watched})


@pytest.fixture
def office(tmp_path: Path) -> Office:
    (tmp_path / "other").mkdir()
    return Office(tmp_path)


def test_a_centre_that_was_rolled_back_searches_nothing_until_an_officer_deals_with_it(office: Office) -> None:
    """The witness knows a longer log: named at the start, refused with 503, shown to the officer, ended by restart."""
    other = LoggedCentre(office.folder / "other", KEY)
    other.write(40)
    watched = witness(office)
    other.publisher_to({"w1": watched})  # only the same key signs, and the witness is asked by another centre
    Publisher(other.engine, office.world.clock, PUBLISHED, (ORIGIN, KEY), {watched.key: watched}).round()
    voice = publisher(office, watched, watched.key)
    with served(office, voice):
        office.fill()
        kim = office.approved()
        assert office.http.get("/health").json() == {"status": "ok", "log": "rolled back"}
        with pytest.raises(ApiRefused, match="LogRolledBack") as refusal:
            kim.ask("POST", f"/cases/{CASE}/route-jobs")
        assert refusal.value.status == 503
        assert "audit restart" in str(refusal.value)
        told = [(entry.account, entry.action) for entry in office.audit()]
        assert told[0] == ("centre", "log rolled back")
        assert ("kim", "refused") in told
        shown = office.as_("oda").ask("GET", "/audit/checkpoint")
        assert "rolled back" in shown["published"][0]["alarm"]
        new = voice.restart("console", "a test restored it")
        told_witness = witness(office, new)
        voice._witnesses = {told_witness.key: told_witness}
        office.searched(kim)
        assert kim.ask("GET", f"/cases/{CASE}/route")["route"]["visits"]
        voice.round()
        assert office.http.get("/health").json()["log"] == "ok"
        assert office.as_("oda").ask("GET", "/audit/checkpoint")["log_key"] == str(new)


def test_a_contradicted_log_stops_no_withdrawal(office: Office) -> None:
    """A patient's word is kept whatever is wrong with the log."""
    other = LoggedCentre(office.folder / "other", KEY)
    other.write(40)
    watched = witness(office)
    Publisher(other.engine, office.world.clock, PUBLISHED, (ORIGIN, KEY), {watched.key: watched}).round()
    with served(office, publisher(office, watched, watched.key)):
        kim = office.approved()
        assert kim.ask("POST", f"/cases/{CASE}/withdraw")["state"] == "withdrawn"
        assert ("kim", "withdrawn") in {(entry.account, entry.action) for entry in office.audit()}


def test_an_officer_takes_a_proof_home(office: Office) -> None:
    """Over mutual TLS to the witness; the API's proof of a read is checked with two public keys and nothing else."""
    ca = CertificateAuthority(office.folder / "ca")
    ca.create("services")
    server = credentials(ca, "svc-witness", office.folder, ("127.0.0.1",))
    centre = credentials(ca, "svc-centre", office.folder)
    watched = witness(office)
    with serving(witness_app(watched), server) as url, client(url, centre) as http:
        voice = publisher(office, WitnessClient(http), watched.key)
        with served(office, voice):
            office.approved().ask("GET", f"/cases/{CASE}")
            oda = office.as_("oda")
            with pytest.raises(ApiRefused, match="no signed entry"):
                oda.ask("GET", "/audit/proof/99")
            voice.round()
            reads = [entry.id for entry in office.audit() if (entry.account, entry.action) == ("kim", "read case")]
            number = reads[-1]
            proof = oda.ask("GET", f"/audit/proof/{number}")
            keys = oda.ask("GET", "/audit/checkpoint")
            assert keys["witness_keys"] == [str(watched.key)]
            assert [(one["trouble"], one["alarm"]) for one in keys["published"]] == [("", "")]
    proven = check_proof(proof, LOG_KEY, [watched.key])
    assert (proven["account"], proven["action"], proven["case"]) == ("kim", "read case", CASE)
    assert set(proven["cosigned"]) == {"health.example/w"}


def test_upkeep_publishes_by_itself(office: Office) -> None:
    """What was entered while the centre ran is with the witness before long, without anybody's command."""
    watched = witness(office)
    with served(office, publisher(office, watched, watched.key)):
        office.opened()
        office.centre.publish()
        with Session(office.engine) as session:
            wait_until(lambda: watched.logs()[0].size == LOG.size(session), "the witness")
