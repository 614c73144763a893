"""Keeps a pipeline going over a camera that may vanish: whoever is in view is stored, and the camera is tried again."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event
from time import monotonic
from typing import Final

from edge.cameras import Camera, CameraError, CannotRead, Frame
from edge.cameras.watchdog import CameraState
from edge.pipeline import Pipeline, Sink
from edge.systemd import Pulse
from shared.clock import Clock

_log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait: for the first keys, for the centre's last answers, and before a lost camera is tried again."""

    keys_s: float = 60.0
    acks_s: float = 60.0
    camera_first_s: float = 1.0
    camera_most_s: float = 60.0


class BeatingCamera:
    """A camera whose frames are the box's pulse. `arrived` is called once the first frame of a pass was looked at."""

    def __init__(self, camera: Camera, pulse: Pulse, arrived: Callable[[], None]) -> None:
        self._camera, self._pulse, self._arrived = camera, pulse, arrived
        self.name = camera.name
        self.gives = False

    def frames(self) -> Iterator[Frame]:
        try:
            for frame in self._camera.frames():
                self._pulse.beat()
                yield frame
                if not self.gives:
                    self.gives = True
                    self._arrived()
        finally:
            self.gives = False

    def close(self) -> None:
        self._camera.close()


class Watch:
    """Runs the pipeline: once over a recording, for ever over a live camera. `stop` may come from a signal handler."""

    def __init__(self, pipeline: Pipeline, camera: BeatingCamera, sink: Sink, clock: Clock, patience: Patience) -> None:
        self._pipeline, self._camera, self._sink, self._clock = pipeline, camera, sink, clock
        self._patience = patience
        self._stopped = self._failed = False

    @property
    def state(self) -> str:
        """What a box says about its camera."""
        if self._camera.gives:
            return self._pipeline.camera_state.value
        return CameraState.LOST.value if self._failed else "starting"

    def stop(self) -> None:
        self._stopped = True
        self._pipeline.stop()
        self._camera.close()

    def once(self) -> None:
        """A recording: to its end. Raises CameraError; what was seen until then is stored."""
        self._pipeline.run()

    def always(self, beat: Callable[[], None], lost: Callable[[], None]) -> None:
        """A live camera: until `stop`. Calls `lost` each time when it gives no pictures."""
        pause = self._patience.camera_first_s
        while not self._stopped:
            try:
                self._pipeline.run()
            except CannotRead as error:  # it did not come back: try less and less often
                _log.error("%s; it is tried again in %.0f s", error, pause)
                following = min(2 * pause, self._patience.camera_most_s)
            except CameraError as error:
                pause = following = self._patience.camera_first_s
                _log.error("%s; it is tried again in %.0f s", error, pause)
            else:
                return
            self._failed = True
            lost()
            self._without_camera(pause, beat)
            pause = following

    def _without_camera(self, seconds: float, beat: Callable[[], None]) -> None:
        never, end = Event(), monotonic() + seconds
        while not self._stopped and monotonic() < end:
            beat()
            now = self._clock.now()
            self._sink.passed(now, now)  # nobody is in view, and hours end without a camera, too
            never.wait(_LOOK_EVERY_S)
