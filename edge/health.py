"""What a box says about itself: a retained birth and state, and its death as the broker's last word for it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from edge.clock_error import ClockError, clock_error
from shared import topics
from shared.clock import Clock
from shared.transport import Message
from shared.wire import pack


@dataclass(frozen=True, slots=True)
class Health:
    """Numbers only: nothing about anybody.

    `outbox` counts batches pending, ready and refused, and bytes; `lost` counts tracks that could not be stored since
    the start; `camera` is starting, seeing, blind, frozen or lost; `clock_error_ms` is -1 where nobody knows.
    """

    node: str
    boot: int
    state: str
    at: int
    camera: str = "starting"
    outbox: dict[str, int] = field(default_factory=dict)
    key_hours: list[int] = field(default_factory=list)
    lost: int = 0
    clock: ClockError = field(default_factory=clock_error)

    def message(self) -> Message:
        """Retained CBOR of the fields by name, and `v`, the version of this message."""
        fields = {name: value for name, value in asdict(self).items() if name != "clock"}
        clock = {"clock_synchronised": self.clock.synchronised, "clock_error_ms": self.clock.at_most_ms}
        return Message(topics.health(self.node), pack({"v": 1, **fields, **clock}), retain=True)


def birth(node: str, boot: int, clock: Clock) -> Message:
    """Sent at each connection, before anything is known about the camera."""
    return Health(node, boot, "up", _unix(clock)).message()


def death(node: str, boot: int, clock: Clock) -> Message:
    """Left with the broker as the will; `at` is when the box started, for it cannot know when it will die."""
    return Health(node, boot, "down", _unix(clock)).message()


def _unix(clock: Clock) -> int:
    return int(clock.now().timestamp())
