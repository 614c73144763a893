"""Writes down everything that the broker carries, for the test that nothing in it is a picture, a float or a name."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Self

from shared.errors import BadInput
from shared.transport import Message
from shared.transport.mqtt import MqttSettings, MqttTransport
from shared.wire import pack, unpack
from tests.demo.layout import Layout
from tests.waiting import wait_until


class Observer:
    """A client that a test's broker lets read every topic; use it as a context."""

    NAME = "svc-observer"

    def __init__(self, layout: Layout, transcript: Path) -> None:
        folder = layout.service(self.NAME)
        settings = MqttSettings(
            "127.0.0.1", layout.broker_port, self.NAME, folder / "ca.crt", folder / "tls.crt", folder / "tls.key"
        )
        self._transport, self._transcript = MqttTransport(settings), transcript
        self._heard: list[tuple[str, bytes]] = []
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        self._transport.subscribe("#", self._note)
        self._transport.connect()
        wait_until(lambda: self._transport.connected, "the observer's connection")
        return self

    def __exit__(self, *_error: object) -> None:
        self._transport.close()
        with self._lock:
            self._transcript.write_bytes(pack([[topic, payload] for topic, payload in self._heard]))

    def _note(self, message: Message) -> None:
        with self._lock:
            self._heard.append((message.topic, message.payload))


def read_transcript(path: Path) -> list[tuple[str, bytes]]:
    """(topic, payload) in order of arrival."""
    return [(str(topic), bytes(payload)) for topic, payload in unpack(path.read_bytes(), BadInput, "a transcript")]
