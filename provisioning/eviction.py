"""Makes a revocation take effect at once, on live connections too, and proves that it did.

A revocation list keeps a revoked box from connecting again, once the broker has read it; it does not end the connection
that the box has. But a broker gives a name to whoever connects in it last. So we first wait until the running broker
refuses a canary (a certificate in the box's name that stands on the same list as the box's own), and then connect once
in the box's name with a certificate of a few minutes: the broker ends the older connection, and the box cannot return.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from time import monotonic

from provisioning.authority import CertificateAuthority, new_request
from provisioning.files import make_folder, write_private, write_whole
from shared.errors import CairnError
from shared.transport.mqtt import MqttSettings, MqttTransport

LIFE = timedelta(minutes=5)
LIMIT_S = 30.0
_ANSWER_S = 2.0
_LOOK_EVERY_S = 0.05


class NotEvicted(CairnError):
    """The certificate is revoked, but the broker has not been shown to enforce it."""


class Outcome(Enum):
    """What a broker does with somebody who connects."""

    LET_IN = "let in"
    REFUSED = "refused"
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the running broker is reached, and what it is trusted by."""

    host: str
    port: int
    ca: Path


def make_canary(folder: Path, nodes: CertificateAuthority, node: str) -> None:
    """A certificate in the node's name, revoked from the start and so worth nothing to a thief, in `folder`/NODE."""
    home = folder / node
    make_folder(home)
    key, request = new_request(node)
    certificate = nodes.issue(request, node)
    nodes.revoke(certificate)
    write_private(home / "tls.key", key)
    write_whole(home / "tls.crt", certificate)


def evict(folder: Path, nodes: CertificateAuthority, node: str, broker: Broker) -> float:
    """End the node's live connection for good; returns the seconds that it took. Raises NotEvicted.

    `folder` holds the canary, which was revoked together with the node. Only an explicit refusal of it counts: a broker
    that is busy, or cannot be reached, is silent.
    """
    start = monotonic()
    end = start + LIMIT_S
    if not _until(Outcome.REFUSED, folder / node, node, broker, end):
        hint = f"see that crl.pem is at the broker, reload it, then: cairn-provision broker evict {node}"
        raise NotEvicted(f"the broker at {broker.host} is not seen to use the new revocation list", hint=hint)
    with _passing_certificate(nodes, node) as passing:
        if not _until(Outcome.LET_IN, passing, node, broker, end):
            hint = f"once the broker lets boxes in again: cairn-provision broker evict {node}"
            raise NotEvicted(f"the broker at {broker.host}:{broker.port} lets nobody in", hint=hint)
    return monotonic() - start


def _until(wanted: Outcome, keys: Path, node: str, broker: Broker, end: float) -> bool:
    """Try these keys until the broker does what is wanted, at least once."""
    while _try(keys, node, broker, end) is not wanted:
        if monotonic() > end:
            return False
    return True


def _try(keys: Path, node: str, broker: Broker, end: float) -> Outcome:
    settings = MqttSettings(broker.host, broker.port, node, broker.ca, keys / "tls.crt", keys / "tls.key")
    transport, pause, end = MqttTransport(settings), Event(), max(end, monotonic() + _ANSWER_S)
    transport.connect()
    try:
        while monotonic() < end:
            if transport.connected:
                return Outcome.LET_IN
            if transport.refused:
                return Outcome.REFUSED
            pause.wait(_LOOK_EVERY_S)
        return Outcome.SILENT
    finally:
        transport.close()


@contextmanager
def _passing_certificate(nodes: CertificateAuthority, node: str) -> Iterator[Path]:
    with TemporaryDirectory(prefix="cairn-") as name:
        folder = Path(name)
        key, request = new_request(node)
        write_private(folder / "tls.key", key)
        write_whole(folder / "tls.crt", nodes.issue(request, node, life=LIFE))
        yield folder
