"""A recorded video, or a folder of pictures, played as if it were a camera that started at a given time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import numpy.typing as npt

from edge.cameras import BrokenVideo, CannotRead, Frame
from shared.clock import as_utc

_PICTURES: Final = {".jpg", ".jpeg", ".png", ".bmp"}
# Containers announce a frame or two more than some encoders wrote; more than this missing is a cut file.
_TOLERATED_MISSING: Final = 0.02


@dataclass(frozen=True, slots=True)
class ReplayCamera:
    """`source` is a video file or a folder of pictures in order of name; `fps` 0 takes the video's own."""

    name: str
    source: Path
    start: datetime
    fps: float = 0.0
    stride: int = 1

    def frames(self) -> Iterator[Frame]:
        """Every `stride`-th frame. Raises CannotRead at the start, BrokenVideo where the pictures stop early."""
        pictures = _folder(self.source) if self.source.is_dir() else _video(self.source)
        first = as_utc(self.start)
        fps = self.fps or (25.0 if self.source.is_dir() else _own_fps(self.source))
        for index, rgb in enumerate(pictures):
            if index % self.stride == 0:
                yield Frame(rgb, first + timedelta(seconds=index / fps), index)

    def check(self) -> None:
        """Open the source and look no further. Raises CannotRead, so that nobody waits for what is not there."""
        if self.source.is_dir():
            _pictures(self.source)
        elif not self.fps:
            _own_fps(self.source)
        else:
            _open(self.source).release()

    def close(self) -> None:
        """Nothing to release: each pass over the frames opens the source anew."""


def to_rgb(bgr: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """OpenCV's order of colours turned into ours, contiguous uint8 [height, width, 3]."""
    return np.ascontiguousarray(bgr[:, :, ::-1], dtype=np.uint8)


def _pictures(folder: Path) -> list[Path]:
    names = sorted(path for path in folder.iterdir() if path.suffix.lower() in _PICTURES)
    if not names:
        raise CannotRead(f"{folder} holds no picture", hint="put .jpg or .png files there, named in order")
    return names


def _folder(folder: Path) -> Iterator[npt.NDArray[np.uint8]]:
    for path in _pictures(folder):
        bgr = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if bgr is None:
            raise BrokenVideo(f"{path} does not decode", hint="replace or remove that picture")
        yield to_rgb(bgr)


def _video(path: Path) -> Iterator[npt.NDArray[np.uint8]]:
    capture = _open(path)
    try:
        announced = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
        decoded = 0
        while True:
            ok, bgr = capture.read()
            if not ok or bgr is None:
                break
            decoded += 1
            yield to_rgb(bgr)
    finally:
        capture.release()
    if decoded == 0 or decoded < announced * (1 - _TOLERATED_MISSING):
        raise BrokenVideo(
            f"{path} stops after {decoded} of {announced} frames", hint="the file is cut or damaged: copy it again"
        )


def _own_fps(path: Path) -> float:
    capture = _open(path)
    try:
        fps = float(capture.get(cv2.CAP_PROP_FPS))
    finally:
        capture.release()
    if not 0 < fps < 1000:
        raise CannotRead(f"{path} does not say its frame rate", hint="give fps in the settings or with --fps")
    return fps


def _open(path: Path) -> cv2.VideoCapture:
    if not path.is_file():
        raise CannotRead(f"there is no file {path}", hint="check the path")
    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG)
    if not capture.isOpened():
        capture.release()
        raise CannotRead(f"{path} is not a video that can be read", hint="try an .mp4 or .avi file")
    return capture
