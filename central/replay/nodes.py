"""The boxes of a replay, one a cell: grants in, sealed and signed batches out, each kept until the centre has it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.replay.site import AUTHORITIES, NodeIdentity, Site
from shared import topics
from shared.acks import AckStatus, decode_acks
from shared.epochs import Epoch, Shares
from shared.errors import Refused, TransportDown
from shared.node_shares import MAX_HOURS_AHEAD, open_grant
from shared.transport import Message
from shared.transport.memory import MemoryTransport

BOOT = 1
_MOST_UNACKNOWLEDGED = 512
_PATIENCE_S = 120.0


class IngestRefused(Refused):
    """The centre did not take what a replayed box sent."""


@dataclass(slots=True)
class Box:
    """One cell's node: its keys, and how many batches it has sealed."""

    identity: NodeIdentity
    shares: dict[Epoch, tuple[Shares, ...]] = field(default_factory=dict, repr=False)
    sequence: int = 0


def identities(cells: Sequence[str]) -> list[NodeIdentity]:
    """New keys for one node a cell."""
    return [
        NodeIdentity(f"replay-{number:05d}", cell, Ed25519PrivateKey.generate(), X25519PrivateKey.generate())
        for number, cell in enumerate(sorted(set(cells)), 1)
    ]


def fetch_grants(site: Site, boxes: Sequence[Box], hours_ahead: int = MAX_HOURS_AHEAD) -> None:
    """Have every authority publish, and every box open, the shares of this hour and the coming ones."""
    office = site.transport("svc-authority")
    for authority in site.authorities:
        authority.publish_grants(office, hours_ahead)
    for box in boxes:
        one = box.identity
        opened = [
            open_grant(site.broker.retained[topics.grants(one.node, name)].payload, name, one.node, one.sealing)
            for name in AUTHORITIES
        ]
        box.shares = {epoch: tuple(grant[epoch] for grant in opened) for epoch in opened[0]}
    office.close()


class Uplink:
    """Sends for all boxes, and knows what the centre has not acknowledged yet."""

    def __init__(self, transport: MemoryTransport) -> None:
        self._transport = transport
        self._waiting: set[tuple[str, int]] = set()
        self._refused: list[str] = []
        self._news = threading.Condition()
        transport.subscribe("/".join([topics.ROOT, "+", "acks"]), self._take)

    def send(self, node: str, sequence: int, raw: bytes) -> None:
        """Hand over one batch, after waiting until not too many are under way."""
        self.wait(_MOST_UNACKNOWLEDGED - 1)
        with self._news:
            self._waiting.add((node, sequence))
        self._transport.publish(Message(topics.batches(node), raw))

    def wait(self, most: int = 0) -> None:
        """Return when at most so many are unacknowledged. Raises IngestRefused, and TransportDown without an answer."""
        with self._news:
            while len(self._waiting) > most and not self._refused:
                if not self._news.wait(_PATIENCE_S):
                    raise TransportDown("the ingest does not answer", hint="look at its messages; the disk may be full")
            if self._refused:
                raise IngestRefused(f"the ingest refused a batch: {self._refused[0]}", hint="report this scenario")

    def _take(self, message: Message) -> None:
        node = topics.node_of(message.topic)
        with self._news:
            for ack in decode_acks(message.payload):
                self._waiting.discard((node, ack.sequence))
                if ack.status is not AckStatus.STORED:
                    self._refused.append(ack.reason)
            self._news.notify_all()
