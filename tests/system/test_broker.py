"""The real broker holds every identity to its own topics."""

from __future__ import annotations

import dataclasses
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from provisioning.enrol import revoke_node
from provisioning.files import write_whole
from provisioning.registry import open_registry
from shared import topics
from shared.errors import TransportDown
from shared.transport import Message, Transport
from shared.transport.mqtt import MqttTransport
from tests.system.site import Site
from tests.waiting import wait_until


@contextmanager
def up(*transports: MqttTransport) -> Iterator[None]:
    for transport in transports:
        transport.connect()
    try:
        for transport in transports:
            wait_until(lambda transport=transport: transport.connected, "a connection")  # type: ignore[misc]
        yield
    finally:
        for transport in transports:
            transport.close()


def listen(transport: Transport, pattern: str) -> list[Message]:
    heard: list[Message] = []
    transport.subscribe(pattern, heard.append)
    return heard


def test_a_node_reaches_the_centre_and_only_in_its_own_name(site: Site) -> None:
    """What a node sends under another's name, or as an authority, is dropped by the broker."""
    site.add_node("box-1", "cell-1")
    site.add_node("box-2", "cell-1")
    centre, node = site.service_transport("svc-centre"), site.node_transport("box-1")
    heard = listen(centre, topics.EVERY_BATCH)
    spied = listen(node, topics.EVERY_BATCH)
    with up(centre, node):
        node.publish(Message(topics.batches("box-2"), b"forged"))
        node.publish(Message(topics.grants("box-2", "north"), b"forged", retain=True))
        node.publish(Message(topics.batches("box-1"), b"mine"))
        wait_until(lambda: heard, "the node's message")
        assert [(message.topic, message.payload) for message in heard] == [(topics.batches("box-1"), b"mine")]
        assert spied == []


def test_grants_wait_for_the_node_and_for_no_other(site: Site) -> None:
    """A retained grant reaches its node when it connects later; another node never sees it."""
    for node in ("box-1", "box-2"):
        site.add_node(node, "cell-1")
    north = site.service_transport("svc-authority-north")
    with up(north):
        north.publish(Message(topics.grants("box-1", "north"), b"sealed", retain=True))
        north.publish(Message(topics.grants("box-1", "south"), b"forged", retain=True))
        one, two = site.node_transport("box-1"), site.node_transport("box-2")
        for_one, for_two = listen(one, f"{topics.ROOT}/box-1/grants/+"), listen(two, f"{topics.ROOT}/+/grants/+")
        with up(one, two):
            wait_until(lambda: for_one, "the grant")
            assert [message.payload for message in for_one] == [b"sealed"]
            assert for_two == []


def connects(transport: MqttTransport, site: Site) -> bool:
    """Whether the broker lets this client in while it lets the centre in."""
    centre = site.service_transport("svc-centre")
    with up(centre):
        transport.connect()
        try:
            wait_until(lambda: transport.connected, "a connection", seconds=2)
        except TimeoutError:
            return False
        finally:
            transport.close()
    return True


def test_without_a_certificate_nobody_speaks_to_the_broker(site: Site) -> None:
    """TLS without a client certificate ends before the first MQTT byte is answered."""
    context = ssl.create_default_context(cafile=str(site.services.certificate_path))
    with (
        pytest.raises(OSError),
        socket.create_connection(("127.0.0.1", site.port), timeout=5) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secure,
    ):
        secure.sendall(b"\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x03box")
        if secure.recv(1) == b"":
            raise OSError("closed")


def test_an_expired_certificate_is_refused(site: Site) -> None:
    """A certificate that ran out is worth nothing, and the centre still gets in."""
    from provisioning.authority import new_request

    folder = site.add_node("box-1", "cell-1")
    assert connects(site.node_transport("box-1"), site)
    key, request = new_request("box-1")
    (folder / "tls.key").write_bytes(key)
    write_whole(folder / "tls.crt", site.nodes.issue(request, "box-1", life=timedelta(hours=-1)))
    assert not connects(site.node_transport("box-1"), site)


def test_a_revoked_node_is_refused_after_the_broker_starts_again(site: Site) -> None:
    """Revocation ends a node's access with the next start of the broker."""
    site.add_node("box-1", "cell-1")
    assert connects(site.node_transport("box-1"), site)
    with open_registry(site.home / "registry.db") as registry:
        revoke_node(registry, site.nodes, "box-1", datetime.now(UTC))
    site.kill()
    site.start()
    assert not connects(site.node_transport("box-1"), site)


def test_ten_megabytes_of_garbage_do_no_harm(site: Site) -> None:
    """An oversize packet costs the sender its connection; others go on."""
    site.add_node("box-1", "cell-1")
    site.add_node("box-2", "cell-1")
    centre, bad, good = site.service_transport("svc-centre"), site.node_transport("box-1"), site.node_transport("box-2")
    heard = listen(centre, topics.EVERY_BATCH)
    with up(centre, bad, good):
        bad.publish(Message(topics.batches("box-1"), bytes(10_000_000)))
        wait_until(lambda: not bad.connected, "the broker to hang up")
        good.publish(Message(topics.batches("box-2"), b"fine"))
        wait_until(lambda: heard, "the good message")
        assert [message.payload for message in heard] == [b"fine"]


def test_a_broker_that_was_killed_is_found_again(site: Site) -> None:
    """After kill -9 and a new start, a client connects by itself; publishing meanwhile is a named error."""
    site.add_node("box-1", "cell-1")
    node = site.node_transport("box-1")
    times: list[int] = []
    node.on_connected = lambda: times.append(1)
    with up(node):
        site.kill()
        wait_until(lambda: not node.connected, "the loss to be noticed")
        with pytest.raises(TransportDown):
            node.publish(Message(topics.batches("box-1"), b"x"))
        site.start()
        wait_until(lambda: len(times) == 2 and node.connected, "the second connection")
        node.publish(Message(topics.batches("box-1"), b"x"))


def test_a_service_certificate_of_the_nodes_authority_does_not_exist(site: Site) -> None:
    """A node cannot take a service's name, so the ACL of a service never applies to it."""
    from shared.errors import BadInput

    with pytest.raises(BadInput):
        site.add_node("svc-centre", "cell-1")
    assert dataclasses.is_dataclass(site.service_settings("svc-centre"))
