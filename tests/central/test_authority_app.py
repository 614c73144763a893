"""Authority and probe service as real servers: TLS with client certificates, named refusals, the whole search."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from fastapi import FastAPI

from central.authority import app as authority_app
from central.authority.client import AuthorityClient, Releases, client
from central.authority.released import Recipient, open_released
from central.authority.rounds import Rounds
from central.authority.settings import AuthoritySettings
from central.errors import ServiceDown, WrongCaller
from central.probes import app as probes_app
from central.probes.client import ProbeClient
from central.probes.probe_sets import open_probes
from central.probes.service import ProbeService
from central.probes.settings import ProbeSettings
from central.probes.templates import NoTemplate, SealedTemplates
from central.serving import server_config
from central.tls import Tls
from provisioning.authority import CertificateAuthority, new_request
from provisioning.files import write_private
from shared.errors import BadEmbedding, BadInput, BadRelease, CannotOpen, ReleaseRefused, TransportDown
from shared.fleet import Fleet, FleetNode
from shared.transport.memory import MemoryTransport
from tests.central.authority_fixtures import CASE, NODE, NOW, World, some_faces
from tests.central.http_fixtures import serving
from tests.waiting import wait_until


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def authority_settings(world: World, name: str = "authority-a") -> AuthoritySettings:
    some = world.folder / "unused"
    return AuthoritySettings(name=name, database=some, passphrase_file=some, signing_key=some, probes_public=some)


def probe_settings(world: World) -> ProbeSettings:
    offices = {"authority-a": "http://127.0.0.1:1"}
    return ProbeSettings(sealing_key=world.folder / "unused", templates=world.folder / "templates", authorities=offices)


def credentials(ca: CertificateAuthority, name: str, folder: Path, hosts: tuple[str, ...] = ()) -> Tls:
    key, request = new_request(name)
    tls = Tls(ca.certificate_path, folder / f"{name}.crt", folder / f"{name}.key")
    write_private(tls.key, key)
    tls.certificate.write_bytes(ca.issue(request, name, hosts=hosts))
    return tls


@contextlib.contextmanager
def served_authority(world: World) -> Iterator[AuthorityClient]:
    app = authority_app.create_app(authority_settings(world), world.authorities[0])
    with serving(app) as url, client(url, None) as http:
        yield AuthorityClient("authority-a", http, world.clock)


def test_a_client_with_a_service_certificate_gets_its_shares(world: World) -> None:
    """Over mutual TLS the answer opens with the recipient's key."""
    ca = CertificateAuthority(world.folder / "ca")
    ca.create("services")
    server = credentials(ca, "svc-authority-a", world.folder, ("127.0.0.1",))
    centre = credentials(ca, "svc-centre", world.folder)
    app = authority_app.create_app(authority_settings(world), world.authorities[0])
    worker = X25519PrivateKey.generate()
    with serving(app, server) as url, client(url, centre) as http:
        asks = AuthorityClient("authority-a", http)
        sealed = asks.release(world.release(), Recipient.SEARCH, worker.public_key().public_bytes_raw())
    assert open_released(worker, sealed, "authority-a", CASE, Recipient.SEARCH).shares


def test_without_a_certificate_of_the_services_nobody_is_answered(world: World) -> None:
    """No certificate, or one of the nodes' authority, ends before a request is read."""
    services, nodes = (CertificateAuthority(world.folder / name) for name in ("services", "nodes"))
    services.create("services")
    nodes.create("nodes")
    server = credentials(services, "svc-authority-a", world.folder, ("127.0.0.1",))
    node = credentials(nodes, "node-1", world.folder)
    app = authority_app.create_app(authority_settings(world), world.authorities[0])
    with serving(app, server) as url:
        stranger = Tls(services.certificate_path, node.certificate, node.key)
        with client(url, stranger) as http, pytest.raises(TransportDown):
            AuthorityClient("authority-a", http).release(world.release(), Recipient.SEARCH, bytes(32))
        import ssl

        context = ssl.create_default_context(cafile=str(services.certificate_path))
        with httpx.Client(base_url=url, verify=context) as nobody, pytest.raises(httpx.TransportError):
            nobody.get("/health")


def test_serving_beyond_the_loopback_needs_tls() -> None:
    """Without certificates the server refuses any other address."""
    with pytest.raises(BadInput, match="without TLS"):
        server_config(FastAPI(), "0.0.0.0", 0, None)  # noqa: S104  (the refusal is what is tested)


def test_refusals_travel_by_name_and_with_their_hint(world: World) -> None:
    """A refused release is 403 and raises ReleaseRefused at the client; nonsense raises BadRelease."""
    key = X25519PrivateKey.generate().public_key().public_bytes_raw()
    with served_authority(world) as asks:
        asks.withdraw(CASE)
        with pytest.raises(ReleaseRefused, match="withdrawn") as refusal:
            asks.release(world.release(), Recipient.SEARCH, key)
        assert refusal.value.hint
        with pytest.raises(BadRelease):
            asks.release(b"nonsense", Recipient.SEARCH, key)
        with pytest.raises(BadRelease):
            asks.release(world.release(world.scope("case-2")), Recipient.SEARCH, b"short")
        assert asks.http.get("/health").json()["status"] == "ok"
    with pytest.raises(ServiceDown, match="authority-a does not answer"), client("http://127.0.0.1:9", None) as gone:
        AuthorityClient("authority-a", gone).withdraw(CASE)


def test_the_probe_service_asks_the_authorities_over_the_wire(world: World) -> None:
    """Template in, probes out, erased: through the probe service's own server and an authority's."""
    worker = X25519PrivateKey.generate()
    world.register(some_faces(1))
    with served_authority(world) as first:
        authorities: list[Releases] = [first, world.authorities[1]]
        service = ProbeService(world.probes_key, SealedTemplates(world.folder / "kept"), authorities)
        with (
            serving(probes_app.create_app(probe_settings(world), service)) as url,
            httpx.Client(base_url=url) as http,
        ):
            asks = ProbeClient(http)
            assert asks.public == service.public
            asks.register(CASE, world.template)
            sealed = asks.probes(world.release(), worker.public_key())
            assert asks.erase(CASE)
            with pytest.raises(NoTemplate, match="no template"):
                asks.probes(world.release(), worker.public_key())
            with pytest.raises(BadEmbedding, match="too large"):
                asks.register(CASE, bytes(300_000))
    (columns,) = open_probes(CASE, sealed, worker).columns
    assert len(columns) == 10
    with pytest.raises(CannotOpen):
        open_probes(CASE, sealed, X25519PrivateKey.generate())


def test_a_round_starts_when_the_broker_is_reached(world: World) -> None:
    """Connecting publishes the coming hours at once, and stopping ends the thread."""
    transport = MemoryTransport(world.broker, "svc-authority-a")
    before = len(world.broker.log)
    rounds = Rounds(world.authorities[0], transport, hours_ahead=2)
    rounds.start()
    wait_until(lambda: len(world.broker.log) > before, "the first round")
    rounds.stop()
    assert world.broker.log[-1].topic.endswith(f"{NODE}/grants/authority-a")
    assert not transport.connected


def test_over_tls_each_service_may_ask_only_what_is_its_own(world: World) -> None:
    """Code shares go to the probe service's certificate, seal shares and withdrawals to the centre's alone."""
    ca = CertificateAuthority(world.folder / "ca")
    ca.create("services")
    server = credentials(ca, "svc-authority-a", world.folder, ("127.0.0.1",))
    names = ("svc-centre", "svc-probes", "svc-authority-b")
    bring = {name: credentials(ca, name, world.folder) for name in names}
    app = authority_app.create_app(authority_settings(world), world.authorities[0])
    worker, release = X25519PrivateKey.generate().public_key().public_bytes_raw(), world.release()
    with serving(app, server) as url, contextlib.ExitStack() as stack:
        asks = {
            name: AuthorityClient("authority-a", stack.enter_context(client(url, bring[name])), world.clock)
            for name in names
        }
        for name, kind, key in (
            ("svc-probes", Recipient.SEARCH, worker),
            ("svc-authority-b", Recipient.SEARCH, worker),
            ("svc-centre", Recipient.PROBES, world.probes.public),
            ("svc-authority-b", Recipient.PROBES, world.probes.public),
        ):
            with pytest.raises(WrongCaller, match=name):
                asks[name].release(release, kind, key)
        for name in ("svc-probes", "svc-authority-b"):
            for act in (
                lambda name=name: asks[name].withdraw(CASE),
                lambda name=name: asks[name].ended([CASE]),
                lambda name=name: asks[name].canary(NOW.date(), worker),
            ):
                with pytest.raises(WrongCaller):
                    act()
            assert asks[name].statements() == []
        assert asks["svc-probes"].release(release, Recipient.PROBES, world.probes.public)
        asks["svc-centre"].withdraw(CASE)
        asks["svc-authority-b"].check_up()


def test_over_tls_only_the_centre_may_touch_a_template(world: World) -> None:
    """Another service's certificate neither registers, erases, nor asks for probes."""
    ca = CertificateAuthority(world.folder / "ca")
    ca.create("services")
    server = credentials(ca, "svc-probes", world.folder, ("127.0.0.1",))
    other, centre = (credentials(ca, name, world.folder) for name in ("svc-authority-a", "svc-centre"))
    app = probes_app.create_app(probe_settings(world), world.probes)
    world.register(some_faces(1))
    with serving(app, server) as url, client(url, other) as strange, client(url, centre) as known:
        for act in (
            lambda: ProbeClient(strange).register(CASE, b"x"),
            lambda: ProbeClient(strange).erase(CASE),
            lambda: ProbeClient(strange).probes(world.release(), X25519PrivateKey.generate().public_key()),
        ):
            with pytest.raises(WrongCaller):
                act()
        assert ProbeClient(known).erase(CASE)


def test_another_service_in_an_authoritys_place_is_noticed(world: World) -> None:
    """A check-up tells that the address in the settings belongs to somebody else."""
    app = authority_app.create_app(authority_settings(world), world.authorities[0])
    with (
        serving(app) as url,
        client(url, None) as http,
        pytest.raises(ServiceDown, match="in place of authority authority-b"),
    ):
        AuthorityClient("authority-b", http).check_up()


def test_an_address_beyond_this_machine_is_never_asked_in_the_clear() -> None:
    """Without certificates a client for another host is refused before it sends anything."""
    with pytest.raises(BadInput, match="without TLS"):
        client("http://authority.example", None)


def test_a_box_that_is_entered_by_a_command_is_served_soon(world: World) -> None:
    """A running authority notices nodes entered or dropped by another process: grants come, and go."""
    transport = MemoryTransport(world.broker, "svc-authority-a")
    authority = world.authorities[0]
    rounds = Rounds(authority, transport, hours_ahead=1)
    rounds.start()
    topic = f"cairn/v1/nodes/box-9/grants/{authority.name}"
    key = X25519PrivateKey.generate().public_key().public_bytes_raw()
    box = FleetNode("box-9", "cell-2", Ed25519PrivateKey.generate().public_key().public_bytes_raw(), key)
    try:
        assert authority.registry.take_over(Fleet((box,))) == {"nodes": 1, "dropped": 0}
        wait_until(lambda: topic in world.broker.retained, "the grant")
        gone = dataclasses.replace(box, revoked=True)
        assert authority.registry.take_over(Fleet((gone,))) == {"nodes": 0, "dropped": 1}
        wait_until(lambda: topic not in world.broker.retained, "the grant to be cleared")
    finally:
        rounds.stop()
    assert authority.registry.take_over(Fleet((gone,))) == {"nodes": 0, "dropped": 1}
    assert authority.registry.dropped() == []
