"""Sealed batches from the broker into the store: verified, de-duplicated, durable, and only then acknowledged."""

from __future__ import annotations

import logging
import queue
import threading
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from central.batches.store import BatchStore
from central.batches.tables import RefusedBatch
from central.nodes.service import node_keys
from shared import topics
from shared.acks import Ack, AckStatus, encode_acks
from shared.batches import SealedBatch, read_batch, verify_batch
from shared.clock import Clock
from shared.errors import BadBatch, CairnError, TransportDown
from shared.transport import Message, Transport

log = logging.getLogger(__name__)

MAX_AGE = timedelta(days=14)
MAX_AHEAD = timedelta(minutes=10)
MOST_AT_ONCE = 200
WAITING = 20_000


class WrongNode(BadBatch):
    """A batch came under another node's topic."""


class UnknownNode(BadBatch):
    """The node is not in the register, or revoked."""


class OutOfTime(BadBatch):
    """The batch's hour is past retention or in the future."""


class Ingest:
    """Takes batches from a transport on one thread and stores them in groups on another.

    A group is one commit: that is what makes a durable acknowledgement affordable.
    """

    def __init__(self, engine: Engine, store: BatchStore, transport: Transport, clock: Clock) -> None:
        self._engine, self._store, self._transport, self._clock = engine, store, transport, clock
        self._waiting: queue.Queue[Message | None] = queue.Queue(WAITING)
        self._keys: dict[str, Ed25519PublicKey] = {}
        self._worker = threading.Thread(target=self._run, name="ingest", daemon=True)
        self.stored = self.refused = 0

    def start(self) -> None:
        self._worker.start()
        self._transport.subscribe(topics.EVERY_BATCH, self._take)

    def stop(self) -> None:
        """Finish what is waiting, then end."""
        self._waiting.put(None)
        self._worker.join()

    def _take(self, message: Message) -> None:
        try:
            self._waiting.put_nowait(message)
        except queue.Full:  # not acknowledged, so the node keeps it and sends it again
            log.warning("ingest is behind; a batch is left for later")

    def _run(self) -> None:
        while (first := self._waiting.get()) is not None:
            group = [first]
            while len(group) < MOST_AT_ONCE and not self._waiting.empty():
                following = self._waiting.get()
                if following is None:
                    self._waiting.put(None)
                    break
                group.append(following)
            self._store_group(group)

    def _store_group(self, group: Sequence[Message]) -> None:
        try:
            with Session(self._engine) as session:
                self._keys = node_keys(session)
            acks = self._handle(group)
        except SQLAlchemyError as error:  # a full disk, a database that is away: nothing was acknowledged
            log.error("batches could not be stored and will come again: %s", type(error).__name__)
            return
        for node, answers in acks.items():
            try:
                self._transport.publish(Message(topics.acks(node), encode_acks(answers)))
            except TransportDown:
                log.warning("could not acknowledge to %s; it will send again", node)

    def _handle(self, group: Sequence[Message]) -> dict[str, list[Ack]]:
        good: list[SealedBatch] = []
        acks: dict[str, list[Ack]] = defaultdict(list)
        for message in group:
            try:
                good.append(self._verified(message))
            except CairnError as error:
                self._refuse(message, error, acks)
        for batch, error in zip(good, self._store.add(good, self._clock.now()), strict=True):
            if error:
                self._refuse(Message(topics.batches(batch.header.node), batch.raw), error, acks)
            else:
                self.stored += 1
                ack = Ack(batch.header.boot, batch.header.sequence, AckStatus.STORED)
                acks[batch.header.node].append(ack)
        return acks

    def _verified(self, message: Message) -> SealedBatch:
        node = topics.node_of(message.topic)
        header = read_batch(message.payload).header
        if header.node != node:
            raise WrongNode(f"{node} sent a batch in the name of another node", hint="look at this box at once")
        if node not in self._keys:
            raise UnknownNode(f"{node} is unknown or revoked", hint="enrol it, or take it off the wall")
        now = self._clock.now()
        if header.epoch.end < now - MAX_AGE or header.epoch.start > now + MAX_AHEAD:
            raise OutOfTime(f"{node} sent an hour past retention or in the future", hint="check the box's clock")
        return verify_batch(message.payload, self._keys[node])

    def _refuse(self, message: Message, error: CairnError, acks: dict[str, list[Ack]]) -> None:
        node, reason = _node_or_none(message.topic), f"{type(error).__name__}: {error.message}"
        self.refused += 1
        log.warning("refused a batch from %s: %s", node, reason)
        with Session(self._engine) as session:
            row = RefusedBatch(at=self._clock.now(), node=node, reason=reason, size=len(message.payload))
            session.add(row)
            session.commit()
        try:
            header = read_batch(message.payload).header
        except CairnError:
            return  # it has no number that could be acknowledged
        if header.node == node:
            acks[node].append(Ack(header.boot, header.sequence, AckStatus.REFUSED, reason))


def _node_or_none(topic: str) -> str:
    try:
        return topics.node_of(topic)
    except CairnError:
        return f"unknown-{sha256(topic.encode()).hexdigest()[:8]}"
