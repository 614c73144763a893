"""A camera on this machine or on the network, through OpenCV: `/dev/video0`, or an rtsp:// address."""

from __future__ import annotations

import re
from collections.abc import Iterator

import cv2

from edge.cameras import CameraError, CannotRead, Frame
from edge.cameras.replay import to_rgb
from shared.clock import Clock


class CameraLost(CameraError):
    """A camera that was giving pictures has stopped."""


class LiveCamera:
    """Frames stamped with the clock at the moment they arrive."""

    def __init__(self, name: str, source: str, clock: Clock) -> None:
        self.name = name
        self._clock = clock
        device = re.fullmatch(r"/dev/video(\d+)", source)
        self._capture = cv2.VideoCapture(int(device.group(1)), cv2.CAP_V4L2) if device else cv2.VideoCapture(source)
        if not self._capture.isOpened():
            # An address may hold a password, so only its scheme and host are shown.
            shown = re.sub(r"//[^/@]*@", "//", source)
            raise CannotRead(f"the camera at {shown} does not answer", hint="check the cable, address and password")

    def frames(self) -> Iterator[Frame]:
        """Raises CameraLost when the camera stops."""
        index = 0
        while True:
            ok, bgr = self._capture.read()
            if not ok or bgr is None:
                raise CameraLost(f"camera {self.name} stopped after {index} frames", hint="check its power and link")
            yield Frame(to_rgb(bgr), self._clock.now(), index)
            index += 1

    def close(self) -> None:
        self._capture.release()
