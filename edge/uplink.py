"""Empties the outbox towards the centre, and forgets a batch only when the centre itself says that it has it."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from edge.outbox import Outbox, OutboxError
from shared import topics
from shared.acks import Ack, decode_acks
from shared.clock import Clock
from shared.errors import CairnError, TransportDown
from shared.transport import Message, Transport

_log = logging.getLogger(__name__)

RESEND_FIRST: Final = timedelta(seconds=10)
RESEND_MOST: Final = timedelta(minutes=5)
WINDOW: Final = 64
_LOOK_EVERY_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class _Sent:
    """When a batch was sent last, and how long an answer is waited for."""

    at: datetime
    patience: timedelta


class Uplink:
    """Sends at most `WINDOW` unacknowledged batches at a time; sends them again after a reconnect or a silence.

    A silence means that the centre died with a batch in its hands, or that it is busy: the pause before each further
    try is twice as long. The transport's thread only notes what arrives; the disk is touched on the thread of `run`.
    """

    def __init__(self, transport: Transport, outbox: Outbox, node: str, clock: Clock) -> None:
        self._transport, self._outbox, self._node, self._clock = transport, outbox, node, clock
        self._sent: dict[tuple[int, int], _Sent] = {}
        self._answers: list[Ack] = []
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self.stored = self.refused = 0

    def reconnected(self) -> None:
        """Whatever was under way may be lost: send everything unacknowledged again."""
        with self._lock:
            self._sent.clear()
        self._wake.set()

    def listen(self) -> None:
        """Subscribe to the centre's acknowledgements."""
        self._transport.subscribe(topics.acks(self._node), self._note_acks)

    def drain(self) -> int:
        """Take in the answers that came, and send what is due; returns how many batches were sent.

        Raises nothing when the link or the disk fails: both are tried again.
        """
        try:
            self._settle()
            return sum(self._send(boot, sequence) for boot, sequence in self._due())
        except TransportDown as down:
            _log.info("the link went down while sending: %s", down)
            with self._lock:
                self._sent.clear()
        except OutboxError as error:
            _log.error("the outbox cannot be worked on just now: %s", error)
        return 0

    def run(self) -> None:
        """Send whenever there is something to send, until `stop`."""
        while not self._stopping.is_set():
            self.drain()
            self._wake.wait(_LOOK_EVERY_S)
            self._wake.clear()

    def wake(self) -> None:
        """Something new is ready."""
        self._wake.set()

    def stop(self) -> None:
        self._stopping.set()
        self._wake.set()

    def _due(self) -> list[tuple[int, int]]:
        if not self._transport.connected:
            return []
        now = self._clock.now()
        waiting = self._outbox.waiting(2 * WINDOW)
        with self._lock:
            under_way = {key for key, sent in self._sent.items() if now < sent.at + sent.patience}
        return [key for key in waiting if key not in under_way][: max(0, WINDOW - len(under_way))]

    def _send(self, boot: int, sequence: int) -> bool:
        batch = self._outbox.read(boot, sequence)
        if batch is None:
            return False
        # Noted before publishing: an acknowledgement may overtake the return of publish.
        with self._lock:
            before = self._sent.get((boot, sequence))
            patience = min(2 * before.patience, RESEND_MOST) if before else RESEND_FIRST
            self._sent[boot, sequence] = _Sent(self._clock.now(), patience)
        self._transport.publish(Message(topics.batches(self._node), batch.raw))
        return True

    def _note_acks(self, message: Message) -> None:
        try:
            acks = decode_acks(message.payload)
        except CairnError as error:
            _log.error("an acknowledgement could not be used: %s", error)
            return
        with self._lock:
            self._answers += acks
        self._wake.set()

    def _settle(self) -> None:
        with self._lock:
            answers, self._answers = self._answers, []
        if not answers:
            return
        try:
            stored, refused = self._outbox.settle(answers)
        except OutboxError:
            with self._lock:  # a full disk, perhaps: they still hold when there is room again
                self._answers = answers + self._answers
            raise
        self.stored += stored
        self.refused += refused
        with self._lock:
            for ack in answers:
                self._sent.pop((ack.boot, ack.sequence), None)
