"""MQTT 5 over mutual TLS; the only place that knows paho."""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from shared.errors import BadInput, TransportDown
from shared.transport import Handler, Message
from shared.transport.memory import matches

log = logging.getLogger(__name__)

_QOS = 1
_MAX_IN_FLIGHT = 200


@dataclass(frozen=True, slots=True)
class MqttSettings:
    """Where the broker is, and the certificate that says who we are."""

    host: str
    port: int
    client_id: str
    ca: Path
    certificate: Path
    key: Path
    keepalive_s: int = 30


class MqttTransport:
    """A Transport over a real broker; reconnects by itself and subscribes again each time.

    A publish that the broker has not confirmed may be lost when the broker dies: who needs more keeps the message
    until the other side answers, as the outbox does.
    """

    def __init__(self, settings: MqttSettings, will: Message | None = None) -> None:
        self.on_connected: Callable[[], None] | None = None
        self._settings = settings
        self._subscriptions: list[tuple[str, Handler]] = []
        self._lock = threading.Lock()
        self._up = threading.Event()
        self._refused = False
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id=settings.client_id, protocol=MQTTProtocolVersion.MQTTv5
        )
        self._client.tls_set_context(_tls(settings))
        self._client.max_inflight_messages_set(_MAX_IN_FLIGHT)
        self._client.reconnect_delay_set(1, 30)
        self._client.on_connect = self._connected
        self._client.on_disconnect = self._disconnected
        self._client.on_message = self._received
        if will:
            self._client.will_set(will.topic, will.payload, qos=_QOS, retain=will.retain)

    @property
    def connected(self) -> bool:
        return self._up.is_set()

    @property
    def refused(self) -> bool:
        """Whether the last attempt ended before the broker let us in; it is tried again all the same."""
        return self._refused

    def connect(self) -> None:
        """Begin to connect and return; an unreachable broker is tried again for ever."""
        self._refused = False
        self._client.connect_async(self._settings.host, self._settings.port, keepalive=self._settings.keepalive_s)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._up.clear()

    def subscribe(self, pattern: str, handler: Handler) -> None:
        with self._lock:  # else a connection that comes up just now might pass over this one
            self._subscriptions.append((pattern, handler))
            if self.connected:
                self._client.subscribe(pattern, qos=_QOS)

    def publish(self, message: Message) -> None:
        if not self.connected:
            raise TransportDown("there is no connection to the broker", hint="it is tried again by itself")
        info = self._client.publish(message.topic, message.payload, qos=_QOS, retain=message.retain)
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise TransportDown("the broker did not take a message", hint="it is tried again by itself")

    def _connected(
        self, client: paho.Client, _data: object, _flags: object, reason: ReasonCode, _props: Properties | None
    ) -> None:
        if reason.is_failure:
            self._refused = True
            log.error("the broker at %s refused us: %s", self._settings.host, reason)
            return
        with self._lock:
            for pattern, _ in self._subscriptions:
                client.subscribe(pattern, qos=_QOS)
            self._refused = False
            self._up.set()
        log.info("connected to the broker at %s:%d", self._settings.host, self._settings.port)
        if self.on_connected:
            self.on_connected()

    def _disconnected(
        self, _client: paho.Client, _data: object, _flags: object, reason: ReasonCode, _props: Properties | None
    ) -> None:
        if not self._up.is_set() and reason.is_failure:
            if not self._refused:  # said once, not with every attempt
                log.warning(
                    "the broker at %s does not let us in: is our certificate expired or revoked?", self._settings.host
                )
            self._refused = True
        elif reason.is_failure:
            log.warning("the connection to the broker ended: %s", reason)
        self._up.clear()

    def _received(self, _client: paho.Client, _data: object, received: paho.MQTTMessage) -> None:
        message = Message(received.topic, bytes(received.payload), bool(received.retain))
        for pattern, handler in self._subscriptions:
            if matches(pattern, message.topic):
                _call(handler, message)


def _call(handler: Handler, message: Message) -> None:
    try:
        handler(message)
    except Exception:  # one bad message must not end the network thread and with it every later message
        log.exception("a handler failed on a message of %s", message.topic)


def _tls(settings: MqttSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(settings.ca))
        context.load_cert_chain(str(settings.certificate), str(settings.key))
    except (OSError, ssl.SSLError) as error:
        hint = "check ca, certificate and key in the settings; enrol again if they are lost"
        raise BadInput(f"the TLS files of {settings.client_id} cannot be used: {error.args[-1]}", hint=hint) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return context
