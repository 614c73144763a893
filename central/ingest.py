"""Sealed batches from the broker into the store: verified, de-duplicated, durable, and only then acknowledged."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Engine, delete
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlmodel import col, func, select

from central.batches.store import BatchStore
from central.batches.tables import RefusedBatch
from central.database import writing
from central.nodes.health import HealthBook
from central.nodes.keys import NodeKeys
from shared import topics
from shared.acks import Ack, AckStatus, encode_acks
from shared.batches import SealedBatch, prove_batch, read_batch
from shared.clock import Clock
from shared.errors import BadBatch, CairnError, TransportDown
from shared.transport import Message, Transport

log = logging.getLogger(__name__)

MAX_AGE = timedelta(days=14)
MAX_AHEAD = timedelta(minutes=10)
MOST_AT_ONCE = 256
MOST_WAITING_BYTES = 256 * 1024 * 1024
MOST_REFUSED_KEPT = 100_000
HEALTH_EVERY_S = 1.0
RETRY_AFTER_S = 1.0


class WrongNode(BadBatch):
    """A batch came under another node's topic."""


class UnknownNode(BadBatch):
    """The node is not in the register, or revoked."""


class OutOfTime(BadBatch):
    """The batch's hour is past retention or in the future."""


class Unstorable(BadBatch):
    """The database does not take this batch, whatever is tried."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A message that was not taken, and why."""

    message: Message
    error: CairnError


class Ingest:
    """Takes batches from a transport on one thread and stores them in groups on another.

    A group is one commit: that is what makes a durable acknowledgement affordable. While the database is away the group
    is tried again and the rest waits; above 256 MiB of waiting, boxes keep what they have and send it again later.
    """

    def __init__(self, engine: Engine, store: BatchStore, transport: Transport, clock: Clock) -> None:
        self._engine, self._store, self._transport, self._clock = engine, store, transport, clock
        self._keys, self._health = NodeKeys(engine), HealthBook(engine, clock)
        self._waiting: deque[Message] = deque()
        self._waiting_bytes = 0
        self._news, self._stopping = threading.Condition(), threading.Event()
        self._worker = threading.Thread(target=self._run, name="ingest", daemon=True)
        self._healther = threading.Thread(target=self._write_health, name="node-health", daemon=True)
        self.stored = self.refused = 0

    def start(self) -> None:
        self._worker.start()
        self._healther.start()
        self._transport.subscribe(topics.EVERY_BATCH, self._take)
        self._transport.subscribe(topics.EVERY_HEALTH, self._take_health)

    def stop(self) -> None:
        """Finish what is waiting, unless the database is away, then end."""
        self._stopping.set()
        with self._news:
            self._news.notify()
        self._worker.join()
        self._healther.join()

    def _take(self, message: Message) -> None:
        with self._news:
            if self._waiting_bytes + len(message.payload) > MOST_WAITING_BYTES:
                log.warning("ingest is behind; a batch is left for later")  # not acknowledged, so the box keeps it
                return
            self._waiting.append(message)
            self._waiting_bytes += len(message.payload)
            self._news.notify()

    def _take_health(self, message: Message) -> None:
        try:
            self._health.take(message)
        except CairnError as error:
            log.warning("what %s said of itself was not taken: %s", _node_or_none(message.topic), error.message)

    def _run(self) -> None:
        while group := self._next_group():
            while not self._finished(group):
                if self._stopping.wait(RETRY_AFTER_S):
                    return

    def _next_group(self) -> list[Message]:
        with self._news:
            self._news.wait_for(lambda: self._waiting or self._stopping.is_set())
            group = [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]
            self._waiting_bytes -= sum(len(message.payload) for message in group)
        return group

    def _finished(self, group: Sequence[Message]) -> bool:
        """Store and acknowledge a group; False when the database is away and the same group is to be tried again."""
        try:
            acks = self._handle(group)
        except SQLAlchemyError as error:  # nothing was acknowledged
            log.error("batches wait for the database: %s", type(error).__name__)
            return False
        except Exception:  # not acknowledged, so nothing is lost; the next group must not wait for a mistake of ours
            log.exception("a group of batches was left for later")
            return True
        for node, answers in acks.items():
            try:
                self._transport.publish(Message(topics.acks(node), encode_acks(answers)))
            except TransportDown:
                log.warning("could not acknowledge to %s; it will send again", node)
        return True

    def _handle(self, group: Sequence[Message]) -> Mapping[str, list[Ack]]:
        good, refused = self._sorted(group)
        acks: dict[str, list[Ack]] = defaultdict(list)
        for batch, error in zip(good, self._stored(good), strict=True):
            header = batch.header
            if error is not None:
                refused.append(Refusal(Message(topics.batches(header.node), batch.raw), error))
            else:
                self.stored += 1
                acks[header.node].append(Ack(header.boot, header.sequence, AckStatus.STORED))
        self._note(refused)
        for one in refused:
            _answer(one, acks)
        return acks

    def _stored(self, good: Sequence[SealedBatch]) -> Sequence[CairnError | None]:
        now = self._clock.now()
        try:
            return self._store.add(good, now)
        except OperationalError:
            raise  # the database is away or full; what it does not take now it takes later
        except (SQLAlchemyError, OverflowError):
            return [self._alone(batch) for batch in good]

    def _alone(self, batch: SealedBatch) -> CairnError | None:
        try:
            return self._store.add([batch], self._clock.now())[0]
        except OperationalError:
            raise
        except (SQLAlchemyError, OverflowError) as error:
            return Unstorable(f"the database takes no such batch ({type(error).__name__})", hint="look at this box")

    def _sorted(self, group: Sequence[Message]) -> tuple[list[SealedBatch], list[Refusal]]:
        keys = self._keys.look_up((_node_or_none(message.topic) for message in group), self._clock.now())
        good, refused = [], []
        for message in group:
            try:
                good.append(self._verified(message, keys))
            except CairnError as error:
                refused.append(Refusal(message, error))
            except Exception as error:  # noqa: BLE001  one poisonous message must not hold up everybody's
                log.error("a message of %s broke its reader: %s", _node_or_none(message.topic), type(error).__name__)
                refused.append(Refusal(message, BadBatch("a batch cannot be read", hint="look at this box")))
        return good, refused

    def _verified(self, message: Message, keys: Mapping[str, Ed25519PublicKey]) -> SealedBatch:
        node = topics.node_of(message.topic)
        batch = read_batch(message.payload)
        header = batch.header
        if header.node != node:
            raise WrongNode(f"{node} sent a batch in the name of another node", hint="look at this box at once")
        if node not in keys:
            raise UnknownNode(f"{node} is unknown or revoked", hint="enrol it, or take it off the wall")
        now = self._clock.now()
        if header.epoch.end < now - MAX_AGE or header.epoch.start > now + MAX_AHEAD:
            raise OutOfTime(f"{node} sent an hour past retention or in the future", hint="check the box's clock")
        prove_batch(batch, keys[node])
        return batch

    def _note(self, refused: Sequence[Refusal]) -> None:
        if not refused:
            return
        self.refused += len(refused)
        now = self._clock.now()
        with writing(self._engine) as session:
            for one in refused:
                node, reason = _node_or_none(one.message.topic), _reason(one.error)
                log.warning("refused a batch from %s: %s", node, reason)
                session.add(RefusedBatch(at=now, node=node, reason=reason, size=len(one.message.payload)))
            session.flush()
            newest = session.exec(select(func.max(RefusedBatch.id))).one() or 0
            # A box gone mad must not fill the disk: only the newest refusals are kept.
            session.execute(delete(RefusedBatch).where(col(RefusedBatch.id) <= newest - MOST_REFUSED_KEPT))
            session.commit()

    def _write_health(self) -> None:
        while True:
            over = self._stopping.wait(HEALTH_EVERY_S)
            try:
                self._health.write()
            except SQLAlchemyError as error:
                log.error("the state of boxes waits for the database: %s", type(error).__name__)
            if over:
                return


def _answer(refusal: Refusal, acks: dict[str, list[Ack]]) -> None:
    """Tell the box, when the message has a number of its own that could be acknowledged.

    A box that is not in the register is not told: it may be entered later, and a refusal would be for ever.
    """
    if isinstance(refusal.error, UnknownNode):
        return
    try:
        header = read_batch(refusal.message.payload).header
    except CairnError:
        return
    if header.node == _node_or_none(refusal.message.topic):
        acks[header.node].append(Ack(header.boot, header.sequence, AckStatus.REFUSED, _reason(refusal.error)))


def _reason(error: CairnError) -> str:
    return f"{type(error).__name__}: {error.message}"


def _node_or_none(topic: str) -> str:
    try:
        return topics.node_of(topic)
    except CairnError:
        return f"unknown-{sha256(topic.encode()).hexdigest()[:8]}"
