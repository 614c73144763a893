"""Cuts the best pictures of each person out of the frames, and drops them all when the person is summed up."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from edge.cameras import Frame
from edge.pictures import cut, sharpness
from edge.tracking.best_shot import BestShots
from edge.tracking.track import Track
from edge.vision import FaceShot, Picture, Vision

FACE_EVERY: Final = timedelta(seconds=0.2)
_KEPT_FACES: Final = 5
_KEPT_BODIES: Final = 3
_SMALLEST_BODY: Final = (16, 32)  # width, height in pixels
_SMALLEST_HEAD: Final = (16, 32)
# A person is about eight faces tall; below this the eyes are too near each other for any use of the face.
_SMALLEST_WITH_FACE_PX: Final = 100
_HEAD_SHARE: Final = 0.45  # a face is looked for in the upper part of a person only
_MARGIN: Final = 0.15


@dataclass(slots=True)
class Shots:
    """The kept pictures of one person."""

    faces: BestShots[FaceShot] = field(default_factory=lambda: BestShots(_KEPT_FACES))
    bodies: BestShots[Picture] = field(default_factory=lambda: BestShots(_KEPT_BODIES))
    looked_at: datetime | None = None

    def drop(self) -> None:
        self.faces.drop()
        self.bodies.drop()


class Photographer:
    """Keeps shots by track number."""

    def __init__(self, vision: Vision) -> None:
        self._vision = vision
        self._shots: dict[int, Shots] = {}

    def take(self, frame: Frame, track: Track) -> None:
        """Keep the body and the face of a track that was seen in this frame, if they are among its best."""
        shots = self._shots.setdefault(track.number, Shots())
        body = cut(frame.rgb, track.box, _SMALLEST_BODY)
        if body is None:
            return
        quality = body_quality(body, track.box, frame.rgb.shape)
        if shots.bodies.would_keep(quality):
            shots.bodies.offer(quality, body.copy())
        due = shots.looked_at is None or frame.time - shots.looked_at >= FACE_EVERY
        if due and body.shape[0] >= _SMALLEST_WITH_FACE_PX:
            shots.looked_at = frame.time
            self._take_face(frame, track, shots)

    def hand_over(self, number: int) -> Shots:
        """The shots of an ended track, which are forgotten here."""
        return self._shots.pop(number, None) or Shots()

    def forget_all_but(self, numbers: set[int]) -> None:
        """Drop the pictures of flickers that never became a person."""
        for number in self._shots.keys() - numbers:
            self._shots.pop(number).drop()

    def _take_face(self, frame: Frame, track: Track, shots: Shots) -> None:
        head = cut(frame.rgb, head_box(track.box), _SMALLEST_HEAD)
        found = [] if head is None else self._vision.faces(head)[:1]
        for shot in found:
            shots.faces.offer(shot.quality, shot)


def head_box(box: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The upper part of a person's box with some air around it, because detectors cut hair and shoulders."""
    x1, y1, x2, y2 = box
    dx, dy = (x2 - x1) * _MARGIN, (y2 - y1) * _MARGIN / 2
    return np.array([x1 - dx, y1 - dy, x2 + dx, y1 + max(_HEAD_SHARE * (y2 - y1), 33)])


def body_quality(body: Picture, box: npt.NDArray[np.float64], shape: tuple[int, ...]) -> float:
    """0..1: tall, sharp and wholly inside the picture is better."""
    inside = box[0] > 1 and box[1] > 1 and box[2] < shape[1] - 1 and box[3] < shape[0] - 1
    tall = min(1.0, body.shape[0] / 256)
    return float(tall * (0.5 + 0.5 * sharpness(body)) * (1.0 if inside else 0.5))
