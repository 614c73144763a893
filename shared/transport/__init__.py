"""How messages travel: one small protocol, MQTT behind it in production and memory in tests of what is above it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `retain` leaves it on the broker for whoever subscribes later."""

    topic: str
    payload: bytes = field(repr=False)
    retain: bool = False


Handler = Callable[[Message], None]


class Transport(Protocol):
    """At-least-once delivery to a broker. Handlers run on the transport's own thread and must not block or raise."""

    on_connected: Callable[[], None] | None

    @property
    def connected(self) -> bool: ...

    def connect(self) -> None:
        """Begin to connect, and keep reconnecting until close(). Raises TransportDown when refused for good."""

    def close(self) -> None: ...

    def subscribe(self, pattern: str, handler: Handler) -> None:
        """Call `handler` for each message that matches; kept over reconnects."""

    def publish(self, message: Message) -> None:
        """Hand over one message. Raises TransportDown when there is no connection; nothing is queued then."""
