"""What a box says about itself: a retained birth and state, and its death as the broker's last word for it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from shared import topics
from shared.clock import Clock
from shared.transport import Message
from shared.wire import pack

_SYNCHRONISED: Final = Path("/run/systemd/timesync/synchronized")


@dataclass(frozen=True, slots=True)
class Health:
    """Numbers only: nothing about anybody. `lost` counts tracks that could not be stored since the start."""

    node: str
    boot: int
    state: str
    at: int
    camera: str = "starting"
    outbox: dict[str, int] = field(default_factory=dict)
    key_hours: list[int] = field(default_factory=list)
    lost: int = 0
    clock_synchronised: bool = False

    def message(self) -> Message:
        """Retained CBOR of the fields by name, and `v`, the version of this message."""
        return Message(topics.health(self.node), pack({"v": 1, **asdict(self)}), retain=True)


def birth(node: str, boot: int, clock: Clock) -> Message:
    """Sent at each connection, before anything is known about the camera."""
    return Health(node, boot, "up", _unix(clock), clock_synchronised=clock_is_synchronised()).message()


def death(node: str, boot: int, clock: Clock) -> Message:
    """Left with the broker as the will; `at` is when the box started, for it cannot know when it will die."""
    return Health(node, boot, "down", _unix(clock)).message()


def clock_is_synchronised() -> bool:
    """Whether systemd-timesyncd has set the clock since the start of the machine."""
    return _SYNCHRONISED.exists()


def _unix(clock: Clock) -> int:
    return int(clock.now().timestamp())
