"""What boxes say about themselves: birth, state and death, kept in the register of nodes."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Engine
from sqlmodel import col, update

from central.database import writing
from central.nodes.tables import Node
from shared import topics
from shared.clock import Clock, from_unix
from shared.errors import BadInput, CairnError
from shared.ids import check_id
from shared.transport import Message
from shared.wire import unpack

MAX_BYTES = 64 * 1024
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Said:
    """One health message of a box; `seen` is when it was up for certain, None when this is its death."""

    node: str
    state: str
    seen: datetime | None
    camera: str
    waiting: int
    lost: int
    clock_synchronised: bool


def read_health(message: Message, now: datetime) -> Said:
    """Raises BadInput for anything that a box of a known version would not say about itself."""
    node = topics.node_of(message.topic)
    if len(message.payload) > MAX_BYTES:
        raise BadInput("a health message is too large", hint="look at this box")
    value = unpack(message.payload, BadInput, "a health message")
    try:
        if value["v"] != _VERSION or value["node"] != node or value["state"] not in ("up", "down"):
            raise ValueError
        at, up = from_unix(int(value["at"])), value["state"] == "up"
        outbox = value.get("outbox", {})
        waiting = _count(outbox.get("pending", 0)) + _count(outbox.get("ready", 0))
        camera = check_id(value.get("camera", "unknown"), "state") if up else "unknown"
        # A retained message may be old; its own time tells, unless the box's clock runs ahead.
        seen = (min(at, now) if message.retain else now) if up else None
        synchronised = value.get("clock_synchronised") is True
        return Said(node, value["state"], seen, camera, waiting, _count(value.get("lost", 0)), synchronised)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError, CairnError):
        raise BadInput("a health message is malformed", hint="update this box or the centre") from None


class HealthBook:
    """Remembers the last word of each box and writes all of them down in one transaction. Thread-safe."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine, self._clock = engine, clock
        self._lock = threading.Lock()
        self._news: dict[str, Said] = {}

    def take(self, message: Message) -> None:
        """Raises BadInput; nothing is written yet."""
        said = read_health(message, self._clock.now())
        with self._lock:
            self._news[said.node] = said

    def write(self) -> int:
        """Write down what is new; returns how many boxes said something. What fails is kept for the next time."""
        with self._lock:
            news, self._news = self._news, {}
        if not news:
            return 0
        try:
            with writing(self._engine) as session:
                for said in news.values():
                    session.execute(update(Node).where(col(Node.node) == said.node).values(_columns(said)))
                session.commit()
        except BaseException:
            with self._lock:
                self._news = {**news, **self._news}
            raise
        return len(news)


def _columns(said: Said) -> dict[str, Any]:
    if said.seen is None:  # the death of a box says nothing about its camera or its outbox
        return {"state": said.state}
    return {
        "state": said.state,
        "last_seen": said.seen,
        "camera_state": said.camera,
        "waiting": said.waiting,
        "lost": said.lost,
        "clock_synchronised": said.clock_synchronised,
    }


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**31:
        raise ValueError
    return value
