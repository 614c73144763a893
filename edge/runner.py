"""Puts a whole box together from its settings, runs it, and takes it apart again in order."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Final

from edge import systemd
from edge.cameras import Camera
from edge.cameras.live import LiveCamera
from edge.cameras.replay import ReplayCamera
from edge.clock_error import UNKNOWN_MS, clock_error_ms
from edge.epoch_keys import EpochKeys
from edge.geometry.ground_plane import GroundPlane
from edge.health import death
from edge.housekeeping import Housekeeper
from edge.outbox import Outbox
from edge.outcome import Outcome
from edge.pipeline import Pipeline
from edge.recorder import Recorder
from edge.sealing import Sealer
from edge.settings import CameraSettings, Settings
from edge.uplink import Uplink
from edge.vision import MODELS, Vision
from edge.watching import BeatingCamera, Patience, Watch
from shared import topics
from shared.clock import Clock
from shared.epochs import Epoch
from shared.keys import read_sealing_key, read_signing_key
from shared.transport import Message, Transport

_log = logging.getLogger(__name__)

_STUCK_AFTER_S: Final = 60.0
_LOOK_EVERY_S: Final = 0.1

Connect = Callable[[Message], Transport]


class Runner:
    """One box. `connect` makes a transport that leaves the given will with the broker."""

    def __init__(
        self, settings: Settings, vision: Vision, clock: Clock, connect: Connect, patience: Patience | None = None
    ) -> None:
        node, self._live = settings.node, settings.camera.is_live
        self._node, self._cell, self._patience = node.id, node.cell, patience or Patience()
        self._keys = EpochKeys(node.id, node.cell, read_sealing_key(node.sealing_key), node.authorities, MODELS)
        # The time of a recording was given by a person; how far it is off, this machine cannot know.
        error = clock_error_ms if self._live else lambda: UNKNOWN_MS
        sealer = Sealer(node.id, self._keys, read_signing_key(node.signing_key), MODELS, error)
        source = open_camera(settings.camera, clock)
        self._first = clock.now() if self._live else settings.camera.started()
        self._outbox = Outbox(node.state_dir / "outbox.db", clock, node.outbox_cap_mib * 1024**2)
        self._transport = connect(death(node.id, self._outbox.boot, clock))
        self._uplink = Uplink(self._transport, self._outbox, node.id, clock)
        self._recorder = Recorder(node.cell, self._keys, sealer, self._outbox, self._uplink.wake)
        self._pulse = systemd.Pulse(_STUCK_AFTER_S)
        camera = BeatingCamera(source, self._pulse, self._tell)
        pipeline = Pipeline(camera, vision, self._recorder, ground_plane(settings.camera))
        self._watch = Watch(pipeline, camera, self._recorder, clock, self._patience)
        self._house = Housekeeper(
            node.id, clock, self._transport, self._outbox, self._keys, self._recorder, self._pulse, self._camera_state
        )
        self._stopped, self._over = False, threading.Event()
        self._listen(node.authorities)
        self.outcome = Outcome(0, 0, 0, 0, 0)

    def run(self) -> None:
        """Until `stop`, or until a recording has ended and the centre has everything.

        Raises CameraError when a recording fails; a live camera that fails is waited for. `outcome` holds the numbers.
        """
        self._transport.connect()
        with self._beside(self._uplink.run, partial(self._house.run, self._over)):
            try:
                self._await_keys()
                self._see()
            finally:
                self._recorder.close()
                self._await_acks()

    def stop(self) -> None:
        """May be called from a signal handler: it only sets flags."""
        self._stopped = True
        self._watch.stop()

    @contextmanager
    def _beside(self, *works: Callable[[], None]) -> Iterator[None]:
        threads = [threading.Thread(target=work, name="beside") for work in works]
        for thread in threads:
            thread.start()
        systemd.tell(systemd.READY)
        try:
            yield
        finally:
            systemd.tell(systemd.STOPPING)
            self._over.set()
            self._uplink.stop()
            for thread in threads:
                thread.join()
            self._uplink.drain()
            self._house.tell("down")
            self._transport.close()
            self.outcome = self._count()
            self._outbox.close()

    def _await_keys(self) -> None:
        epoch = Epoch.at(self._cell, self._first)
        seconds = self._patience.keys_s
        if not self._keys.wait(epoch, seconds, self._given_up) and not self._stopped:
            hour = f"{epoch.start:%Y-%m-%d %H}:00 UTC"
            _log.error("no keys for %s after %.0f s: until they come, whoever is seen is lost", hour, seconds)

    def _see(self) -> None:
        if self._stopped:
            return
        if self._live:
            self._watch.always(self._pulse.beat, self._tell)
        else:
            self._watch.once()

    def _await_acks(self) -> None:
        """After a recording: wait for the centre to have it all. A box that is told to stop does not wait."""
        end = monotonic() + (0 if self._live else self._patience.acks_s)
        while self._count().left and monotonic() < end and not self._given_up():
            self._over.wait(_LOOK_EVERY_S)

    def _given_up(self) -> bool:
        self._pulse.beat()
        return self._stopped

    def _count(self) -> Outcome:
        depth, recorder, uplink = self._outbox.depth(), self._recorder, self._uplink
        return Outcome(recorder.kept, recorder.lost, uplink.stored, uplink.refused, depth["pending"] + depth["ready"])

    def _listen(self, authorities: tuple[str, ...]) -> None:
        self._transport.on_connected = self._connected
        self._uplink.listen()
        for authority in authorities:
            take = partial(self._take_grant, authority)
            self._transport.subscribe(topics.grants(self._node, authority), take)

    def _take_grant(self, authority: str, message: Message) -> None:
        self._keys.take_grant(authority, message.payload)

    def _connected(self) -> None:
        self._house.say_born()
        self._uplink.reconnected()

    def _camera_state(self) -> str:
        return self._watch.state

    def _tell(self) -> None:
        self._house.tell("up")


def open_camera(settings: CameraSettings, clock: Clock) -> Camera:
    """Raises CannotRead for a recording that is not there, BadSettings."""
    if settings.is_live:
        return LiveCamera(settings.name, settings.source, clock)
    recording = ReplayCamera(settings.name, Path(settings.source), settings.started(), settings.fps, settings.stride)
    recording.check()
    return recording


def ground_plane(settings: CameraSettings) -> GroundPlane | None:
    ground = settings.ground
    if ground is None:
        return None
    return GroundPlane(ground.height_m, ground.tilt_deg, ground.focal_px, ground.heading_deg)
