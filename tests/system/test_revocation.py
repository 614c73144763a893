"""Revoking a box takes effect on the real broker at once, on its live connection too, and on nobody else's."""

from __future__ import annotations

import dataclasses
import json
import signal
import socket
import ssl
from datetime import UTC, datetime

import pytest

from provisioning.__main__ import main
from provisioning.broker import BrokerSite, read_site, renew_lists, write_broker
from provisioning.enrol import revoke_node
from provisioning.registry import open_registry
from shared import topics
from shared.errors import TransportDown
from shared.transport import Message
from shared.transport.mqtt import MqttTransport
from tests.system.site import Site
from tests.system.test_broker import connects, listen, up
from tests.waiting import wait_until


def command(site: Site, capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    """A command of cairn-provision in the site's workshop, and its answer."""
    main(["--home", str(site.home), "--json", *arguments])
    answer: dict[str, object] = json.loads(capsys.readouterr().out)
    return answer


def test_revoking_a_box_ends_its_live_connection(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """One command: the box is cut off and does not come back; its neighbour's connection never notices."""
    for node in ("box-1", "box-2"):
        site.add_node(node, "cell-1")
    centre, bad, good = site.service_transport("svc-centre"), site.node_transport("box-1"), site.node_transport("box-2")
    heard, reconnected = listen(centre, topics.EVERY_BATCH), []
    good.on_connected = lambda: reconnected.append(1)
    with up(centre, bad, good):
        answer = command(site, capsys, "revoke", "box-1")
        assert isinstance(answer["evicted_after_s"], float)
        wait_until(lambda: not bad.connected, "the connection to end")
        wait_until(lambda: bad.refused, "the broker to refuse it")
        with pytest.raises(TransportDown):
            bad.publish(Message(topics.batches("box-1"), b"late"))
        good.publish(Message(topics.batches("box-2"), b"fine"))
        wait_until(lambda: heard, "the neighbour's message")
        assert [message.payload for message in heard] == [b"fine"]
        assert reconnected == [1]
        assert command(site, capsys, "broker", "evict", "box-1")["node"] == "box-1"
        assert not bad.connected


def test_a_session_from_before_does_not_outlive_the_revocation(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """A TLS ticket, which spares a returning client its certificate, does not bring a revoked box back in."""
    folder = site.add_node("box-1", "cell-1")
    context = ssl.create_default_context(cafile=str(folder / "broker-ca.crt"))
    context.load_cert_chain(folder / "tls.crt", folder / "tls.key")

    def visit(session: ssl.SSLSession | None) -> tuple[bytes, ssl.SSLSession | None]:
        body = b"\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x05box-1"
        with (
            socket.create_connection(("127.0.0.1", site.port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname="localhost", session=session) as secure,
        ):
            secure.sendall(b"\x10" + bytes([len(body)]) + body)
            return secure.recv(100), secure.session

    answered, ticket = visit(None)
    assert answered[:1] == b"\x20"
    assert visit(ticket)[0][:1] == b"\x20"
    command(site, capsys, "revoke", "box-1")
    try:
        answered, _ = visit(ticket)
    except OSError:
        answered = b""
    assert answered == b""


def test_a_box_cannot_end_another_ones_connection(site: Site) -> None:
    """The broker takes a client's name from its certificate, so nobody takes over another's connection."""
    for node in ("box-1", "box-2"):
        site.add_node(node, "cell-1")
    victim, lost = site.node_transport("box-1"), []
    rude = MqttTransport(dataclasses.replace(site.node_settings("box-2"), client_id="box-1"))
    rude_heard = listen(rude, topics.acks("box-1"))
    centre = site.service_transport("svc-centre")
    heard = listen(victim, topics.acks("box-1"))
    victim.on_connected = lambda: lost.append(1)
    with up(centre, victim, rude):
        centre.publish(Message(topics.acks("box-1"), b"for box-1"))
        wait_until(lambda: heard, "the acknowledgement")
        assert victim.connected
        assert (lost, rude_heard) == ([1], [])


def test_the_lists_are_renewed_under_a_running_broker(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    """Renewal reaches the broker without a restart: a box that was revoked meanwhile is refused."""
    site.add_node("box-1", "cell-1")
    assert connects(site.node_transport("box-1"), site)
    with open_registry(site.home / "registry.db") as registry:
        revoke_node(registry, site.nodes, "box-1", datetime.now(UTC))
    assert connects(site.node_transport("box-1"), site)
    assert command(site, capsys, "ca", "renew-crl")["broker"] == "reads it"
    wait_until(lambda: not connects(site.node_transport("box-1"), site), "the broker to read the list")


def test_a_revocation_that_the_broker_does_not_enforce_is_told(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the running broker keeps its old list, the command fails and says so, instead of claiming success."""
    site.add_node("box-1", "cell-1")
    monkeypatch.setattr("provisioning.broker.reload_broker", lambda _process: None)
    monkeypatch.setattr("provisioning.eviction.LIMIT_S", 0.5)
    with pytest.raises(SystemExit) as stopped:
        main(["--home", str(site.home), "revoke", "box-1"])
    assert stopped.value.code == 2
    assert "not seen to use the new revocation list" in capsys.readouterr().err


# paho drops a socket whose TLS handshake never ends without closing it; the collector does that later.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_broker_that_does_not_answer_proves_nothing(
    site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker that is stopped, not refusing, is not taken for one that enforces the list; later the command works."""
    site.add_node("box-1", "cell-1")
    assert site.broker
    monkeypatch.setattr("provisioning.eviction.LIMIT_S", 0.5)
    monkeypatch.setattr("provisioning.eviction._ANSWER_S", 0.5)
    site.broker.send_signal(signal.SIGSTOP)
    with pytest.raises(SystemExit) as stopped:
        main(["--home", str(site.home), "revoke", "box-1"])
    assert stopped.value.code == 2
    assert "not seen to use" in capsys.readouterr().err
    site.broker.send_signal(signal.SIGCONT)
    monkeypatch.undo()
    assert command(site, capsys, "broker", "evict", "box-1")["evicted_after_s"]


def test_the_brokers_certificate_follows_its_hosts(site: Site) -> None:
    """Written again with another name, the broker serves under it; with the same names nothing is issued."""
    folder = site.home / "broker"
    first = (folder / "broker.crt").read_bytes()
    known = read_site(folder)
    assert known
    write_broker(known, site.nodes, site.services)
    assert (folder / "broker.crt").read_bytes() == first
    more = BrokerSite(folder, site.port, ("127.0.0.1", "localhost", "broker.example"), known.authorities)
    write_broker(more, site.nodes, site.services)
    assert (folder / "broker.crt").read_bytes() != first
    site.kill()
    assert not renew_lists(more, site.nodes, site.services)
