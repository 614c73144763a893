"""Puts a whole box together from its settings, runs it, and takes it apart again in order."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

from edge.cameras import Camera
from edge.cameras.live import LiveCamera
from edge.cameras.replay import ReplayCamera
from edge.epoch_keys import EpochKeys
from edge.geometry.ground_plane import GroundPlane
from edge.health import Health, birth, clock_is_synchronised, death
from edge.outbox import Outbox
from edge.pipeline import Pipeline
from edge.recorder import Recorder
from edge.sealing import Sealer
from edge.settings import CameraSettings, Settings
from edge.uplink import Uplink
from edge.vision import MODELS, Vision
from shared import topics
from shared.clock import Clock
from shared.errors import TransportDown
from shared.keys import read_sealing_key, read_signing_key
from shared.transport import Message, Transport

_log = logging.getLogger(__name__)

HEALTH_EVERY_S: Final = 60.0

Connect = Callable[[Message], Transport]


class Runner:
    """One box. `connect` makes a transport that leaves the given will with the broker."""

    def __init__(self, settings: Settings, vision: Vision, clock: Clock, connect: Connect) -> None:
        node = settings.node
        self._node, self._clock = node.id, clock
        self._keys = EpochKeys(node.id, node.cell, read_sealing_key(node.sealing_key), node.authorities, MODELS)
        sealer = Sealer(node.id, self._keys, read_signing_key(node.signing_key), MODELS)
        camera = open_camera(settings.camera, clock)
        self._outbox = Outbox(node.state_dir / "outbox.db", clock, node.outbox_cap_mib * 1024**2)
        self._transport = connect(death(node.id, self._outbox.boot, clock))
        self._uplink = Uplink(self._transport, self._outbox, node.id, clock)
        self._recorder = Recorder(node.cell, self._keys, sealer, self._outbox, self._uplink.wake)
        self._pipeline = Pipeline(camera, vision, self._recorder, ground_plane(settings.camera))
        self._over = threading.Event()
        self._listen(node.authorities)

    def run(self) -> None:
        """Until the camera ends or `stop`. Raises CameraError when the camera fails."""
        threads = [
            threading.Thread(target=self._uplink.run, name="uplink"),
            threading.Thread(target=self._tell_health, name="health"),
        ]
        self._transport.connect()
        for thread in threads:
            thread.start()
        try:
            self._pipeline.run()
        finally:
            self._recorder.close()
            self._uplink.drain()
            self._over.set()
            self._uplink.stop()
            for thread in threads:
                thread.join()
            self._say(self._health("down"))
            self._transport.close()
            self._outbox.close()

    def stop(self) -> None:
        """May be called from a signal handler."""
        self._pipeline.stop()

    def _listen(self, authorities: tuple[str, ...]) -> None:
        self._transport.on_connected = self._connected
        self._uplink.listen()
        for authority in authorities:
            take = partial(self._take_grant, authority)
            self._transport.subscribe(topics.grants(self._node, authority), take)

    def _take_grant(self, authority: str, message: Message) -> None:
        self._keys.take_grant(authority, message.payload)

    def _connected(self) -> None:
        self._say(birth(self._node, self._outbox.boot, self._clock))
        self._uplink.reconnected()

    def _tell_health(self) -> None:
        while not self._over.wait(HEALTH_EVERY_S):
            self._say(self._health("up"))

    def _health(self, state: str) -> Message:
        return Health(
            node=self._node,
            boot=self._outbox.boot,
            state=state,
            at=int(self._clock.now().timestamp()),
            camera=self._pipeline.camera_state.value,
            outbox=self._outbox.depth(),
            key_hours=self._keys.hours(),
            lost=self._recorder.lost,
            clock_synchronised=clock_is_synchronised(),
        ).message()

    def _say(self, message: Message) -> None:
        try:
            self._transport.publish(message)
        except TransportDown:
            _log.debug("no link, so nobody hears how this box is")


def open_camera(settings: CameraSettings, clock: Clock) -> Camera:
    """Raises CannotRead, BadSettings."""
    if settings.is_live:
        return LiveCamera(settings.name, settings.source, clock)
    return ReplayCamera(settings.name, Path(settings.source), settings.started(), settings.fps, settings.stride)


def ground_plane(settings: CameraSettings) -> GroundPlane | None:
    ground = settings.ground
    if ground is None:
        return None
    return GroundPlane(ground.height_m, ground.tilt_deg, ground.focal_px, ground.heading_deg)
