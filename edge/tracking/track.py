"""One person in one camera, from frame to frame."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt

from edge.vision import Floats

Box = npt.NDArray[np.float64]

_RECENT: Final = timedelta(seconds=1)  # what the speed is measured over
_RECENT_HITS: Final = 30
_LONGEST_GUESS_S: Final = 1.5
_FASTEST: Final = 2.0  # own heights a second; a person runs at about three metres a second
_LOOK_KEEPS: Final = 0.9


@dataclass(slots=True, eq=False)
class Track:
    """`box` is x1, y1, x2, y2 in pixels at `end`; `path` holds (time, box) of every frame from first to last hit.

    `look` is the colour of the clothes so far; `stirred` counts hits in which something within the box had changed.
    `known` says that this track goes on from one that was a person, who may be sitting quite still by now.
    """

    number: int
    start: datetime
    end: datetime
    box: Box
    look: Floats = field(repr=False)
    path: list[tuple[datetime, Box]] = field(default_factory=list, repr=False)
    hits: int = 1
    stirred: int = 0
    known: bool = False
    _missed: list[datetime] = field(default_factory=list, repr=False)
    _reach: Box = field(default_factory=lambda: np.zeros(4), repr=False)

    @classmethod
    def begin(cls, number: int, now: datetime, box: Box, look: Floats, stirs: bool) -> Track:
        track = cls(number, now, now, box, look, [(now, box)], stirred=int(stirs))
        track._reach = np.tile(_centre(box), 2)
        return track

    def go_on(self, number: int) -> Track:
        """The same person under another number from here on."""
        track = Track.begin(number, self.end, self.box, self.look, stirs=True)
        track.known = True
        return track

    @property
    def extent(self) -> float:
        """How far it has come, in its own heights."""
        return float((self._reach[2:] - self._reach[:2]).max() / max(self.box[3] - self.box[1], 1e-9))

    def velocity(self) -> npt.NDArray[np.float64]:
        """Pixels a second, [2]: the straight line through the centres of the last second (least squares)."""
        recent = [(time, box) for time, box in self.path[-_RECENT_HITS:] if self.end - time <= _RECENT]
        seconds = np.array([(time - self.end).total_seconds() for time, _ in recent])
        centres = np.array([_centre(box) for _, box in recent])
        seconds = seconds - seconds.mean()
        # The little in the denominator calms tracks of which only two or three frames are known.
        speed = seconds @ (centres - centres.mean(axis=0)) / (float(seconds @ seconds) + 0.05)
        fastest = _FASTEST * float(self.box[3] - self.box[1])
        slowed: npt.NDArray[np.float64] = speed * min(1.0, fastest / max(float(np.linalg.norm(speed)), 1e-9))
        return slowed

    def predict(self, now: datetime) -> Box:
        """Where the box would be at `now`."""
        ahead = self.velocity() * min((now - self.end).total_seconds(), _LONGEST_GUESS_S)
        moved: Box = self.box + np.tile(ahead, 2)
        return moved

    def see(self, now: datetime, box: Box, look: Floats, stirs: bool) -> None:
        """A hit. Frames missed since the last are filled in along a straight line."""
        span = (now - self.end).total_seconds()
        for time in self._missed:
            done = (time - self.end).total_seconds() / span
            self.path.append((time, self.box + done * (box - self.box)))
        self._missed.clear()
        self.path.append((now, box))
        self.box, self.end, self.hits, self.stirred = box, now, self.hits + 1, self.stirred + int(stirs)
        mixed = _LOOK_KEEPS * self.look + (1 - _LOOK_KEEPS) * look
        self.look = (mixed / max(float(np.linalg.norm(mixed)), 1e-9)).astype(np.float32)
        centre = _centre(box)
        self._reach = np.concatenate([np.minimum(self._reach[:2], centre), np.maximum(self._reach[2:], centre)])

    def miss(self, now: datetime) -> None:
        """Nobody was seen there at `now`; if the person comes back, this frame is filled in."""
        self._missed.append(now)


def _centre(box: Box) -> npt.NDArray[np.float64]:
    middle: npt.NDArray[np.float64] = (box[:2] + box[2:]) / 2
    return middle
