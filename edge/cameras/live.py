"""A camera on this machine or on the network, through OpenCV: `/dev/video0`, or an rtsp:// or http:// address."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from datetime import datetime
from time import monotonic
from typing import Any, Final

import cv2
import numpy as np
import numpy.typing as npt

from edge.cameras import CameraError, CannotRead, Frame
from edge.cameras.replay import to_rgb
from shared.clock import Clock

SILENT_AFTER_S: Final = 10.0
_LOOK_EVERY_S: Final = 0.25


class CameraLost(CameraError):
    """A camera that was giving pictures has stopped."""


class LiveCamera:
    """Frames stamped with the clock at the moment they arrive; a slow reader is given the newest, never a backlog.

    Each pass over `frames` opens the source anew, so a camera that was lost can be tried again.
    """

    def __init__(self, name: str, source: str, clock: Clock, silent_after_s: float = SILENT_AFTER_S) -> None:
        self.name = name
        self._source, self._clock, self._silent_after_s = source, clock, silent_after_s
        self._closed = False

    def frames(self) -> Iterator[Frame]:
        """Raises CannotRead when the camera does not answer, CameraLost when it stops or falls silent."""
        self._closed = False
        reader = _Reader(self._source, self._clock, self._silent_after_s)
        index = 0
        try:
            while (taken := self._next(reader)) is not None:
                bgr, at = taken
                yield Frame(to_rgb(bgr), at, index)
                index += 1
        finally:
            reader.stop()
        if self._closed:
            return
        if index == 0:
            # An address may hold a password, so it is shown without one.
            shown = re.sub(r"//[^/@]*@", "//", self._source)
            raise CannotRead(f"the camera at {shown} does not answer", hint="check the cable, address and password")
        raise CameraLost(f"camera {self.name} stopped after {index} frames", hint="check its power and link")

    def close(self) -> None:
        """Ends `frames` soon; may be called from a signal handler."""
        self._closed = True

    def _next(self, reader: _Reader) -> tuple[npt.NDArray[np.uint8], datetime] | None:
        end = monotonic() + self._silent_after_s
        while not self._closed and not reader.over and monotonic() < end:
            if (taken := reader.take(_LOOK_EVERY_S)) is not None:
                return taken
        return None


class _Reader:
    """Opens and reads on a thread of its own: a driver that hangs must not hang the program."""

    def __init__(self, source: str, clock: Clock, timeout_s: float) -> None:
        self._source, self._clock, self._timeout_ms = source, clock, int(timeout_s * 1000)
        self._newest: tuple[npt.NDArray[np.uint8], datetime] | None = None
        self._arrived = threading.Condition()
        self._stopping = False
        self.over = False
        threading.Thread(target=self._read, name="camera", daemon=True).start()

    def take(self, wait_s: float) -> tuple[npt.NDArray[np.uint8], datetime] | None:
        """The newest picture that was not taken yet, or none that soon."""
        with self._arrived:
            if self._newest is None and not self.over:
                self._arrived.wait(wait_s)
            taken, self._newest = self._newest, None
            return taken

    def stop(self) -> None:
        self._stopping = True

    def _read(self) -> None:
        capture = self._open()
        try:
            while not self._stopping:
                ok, bgr = capture.read()
                if not ok or bgr is None:
                    break
                with self._arrived:
                    self._newest = (bgr, self._clock.now())
                    self._arrived.notify()
        finally:
            capture.release()
            with self._arrived:
                self.over = True
                self._arrived.notify()

    def _open(self) -> Any:
        # The backend is named, because the ones that OpenCV would try next print the whole address when they fail.
        device = re.fullmatch(r"/dev/video(\d+)", self._source)
        if device:
            return cv2.VideoCapture(int(device.group(1)), cv2.CAP_V4L2)
        timeouts = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, self._timeout_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, self._timeout_ms]
        return cv2.VideoCapture(self._source, cv2.CAP_FFMPEG, timeouts)
