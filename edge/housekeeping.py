"""What a box does beside watching: it says how it is, lets systemd know that it lives, and drops what is too old."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from edge.clock_error import clock_error
from edge.epoch_keys import EpochKeys
from edge.health import Health, birth
from edge.outbox import Outbox
from edge.recorder import Recorder
from edge.systemd import Pulse
from shared.clock import Clock
from shared.epochs import HOUR_S
from shared.errors import CairnError, TransportDown
from shared.transport import Message, Transport

_log = logging.getLogger(__name__)

HEALTH_EVERY_S: Final = 60.0
RETENTION_HOURS: Final = 14 * 24
_TICK_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Housekeeper:
    """Runs on a thread of its own; `camera_state` says what the camera does."""

    node: str
    clock: Clock
    transport: Transport
    outbox: Outbox
    keys: EpochKeys
    recorder: Recorder
    pulse: Pulse
    camera_state: Callable[[], str]

    def run(self, over: threading.Event) -> None:
        """Until `over`. Nothing that fails here ends it: it is tried again at the next turn."""
        told = monotonic()
        while not over.wait(_TICK_S):
            self.pulse.pass_on()
            if monotonic() - told < HEALTH_EVERY_S:
                continue
            told = monotonic()
            self.tell("up")
            try:
                self.expire()
            except CairnError as error:
                _log.error("what is past retention cannot be dropped yet: %s", error)

    def say_born(self) -> None:
        """Said at each connection, on the transport's thread: it waits for no lock and no disk."""
        self._say(birth(self.node, self.outbox.boot, self.clock))

    def tell(self, state: str) -> None:
        """Tell the centre how this box is, if there is a link."""
        try:
            depth = self.outbox.depth()
        except CairnError as error:
            _log.error("the outbox cannot be counted: %s", error)
            depth = {}
        at = int(self.clock.now().timestamp())
        camera, hours, lost = self.camera_state(), self.keys.hours(), self.recorder.lost
        self._say(Health(self.node, self.outbox.boot, state, at, camera, depth, hours, lost).message())

    def expire(self) -> None:
        """Drop what is past retention, if the clock is known to be right: one years ahead must not empty the outbox."""
        if not clock_error().synchronised:
            return
        hour = int(self.clock.now().timestamp()) // HOUR_S
        if dropped := self.outbox.expire(hour - RETENTION_HOURS):
            _log.error("%d batches were never taken by the centre and are past retention: dropped", dropped)

    def _say(self, message: Message) -> None:
        try:
            self.transport.publish(message)
        except TransportDown:
            _log.debug("no link, so nobody hears how this box is")
