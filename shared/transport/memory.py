"""The in-memory twin of the MQTT transport: retained messages, wildcards, wills and lost connections."""

from __future__ import annotations

from collections.abc import Callable

from shared.errors import TransportDown
from shared.transport import Handler, Message


class MemoryBroker:
    """Delivers at once, on the publisher's thread."""

    def __init__(self) -> None:
        self.clients: list[MemoryTransport] = []
        self.retained: dict[str, Message] = {}
        self.log: list[Message] = []

    def deliver(self, message: Message) -> None:
        self.log.append(message)
        if message.retain:
            self.retained[message.topic] = message
            if not message.payload:  # as in MQTT, an empty retained message removes the old one
                del self.retained[message.topic]
        for client in list(self.clients):
            client.receive(message)


class MemoryTransport:
    """One client of a MemoryBroker; `drop` loses the connection as a power cut would, and the will is sent."""

    def __init__(self, broker: MemoryBroker, client_id: str, will: Message | None = None) -> None:
        self.client_id = client_id
        self.on_connected: Callable[[], None] | None = None
        self._broker, self._will = broker, will
        self._subscriptions: list[tuple[str, Handler]] = []

    @property
    def connected(self) -> bool:
        return self in self._broker.clients

    def connect(self) -> None:
        if not self.connected:
            self._broker.clients.append(self)
            for pattern, handler in self._subscriptions:
                self._send_retained(pattern, handler)
            if self.on_connected:
                self.on_connected()

    def close(self) -> None:
        if self.connected:
            self._broker.clients.remove(self)

    def drop(self) -> None:
        self.close()
        if self._will:
            self._broker.deliver(self._will)

    def subscribe(self, pattern: str, handler: Handler) -> None:
        self._subscriptions.append((pattern, handler))
        if self.connected:
            self._send_retained(pattern, handler)

    def publish(self, message: Message) -> None:
        if not self.connected:
            raise TransportDown("there is no connection to the broker", hint="it is tried again by itself")
        self._broker.deliver(message)

    def receive(self, message: Message) -> None:
        for pattern, handler in self._subscriptions:
            if matches(pattern, message.topic):
                handler(message)

    def _send_retained(self, pattern: str, handler: Handler) -> None:
        for message in list(self._broker.retained.values()):
            if matches(pattern, message.topic):
                handler(message)


def matches(pattern: str, topic: str) -> bool:
    """Whether an MQTT subscription, with + and #, takes in a topic."""
    wanted, levels = pattern.split("/"), topic.split("/")
    for i, part in enumerate(wanted):
        if part == "#":
            return True
        if i >= len(levels) or part not in ("+", levels[i]):
            return False
    return len(wanted) == len(levels)
