"""Frames in, ended tracks out: the whole way of a picture through the box, in one loop."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from edge.cameras import Camera, Frame
from edge.cameras.watchdog import CameraState, Watchdog
from edge.geometry.encounters import EncounterFinder
from edge.geometry.ground_plane import Ground, GroundPlane
from edge.sightings import EndedTrack, place_at_middle, sum_up
from edge.tracking.cues import CueFinder
from edge.tracking.shots import Photographer
from edge.tracking.track import Track
from edge.tracking.tracker import Tracker
from edge.vision import Vision
from shared.sightings import Encounter

_log = logging.getLogger(__name__)


class Sink(Protocol):
    """Where ended tracks go: sealed to disk in a run, printed in a trial."""

    def take(self, ended: EndedTrack, encounters: Sequence[Encounter]) -> bool:
        """False where the track could not be kept, so that its encounters are forgotten too."""

    def passed(self, now: datetime, oldest: datetime) -> None:
        """It is `now`, and nobody in view came before `oldest`."""


class Pipeline:
    """One camera's loop; `stop` may be called from a signal handler."""

    def __init__(self, camera: Camera, vision: Vision, sink: Sink, plane: GroundPlane | None = None) -> None:
        self._camera, self._vision, self._sink, self._plane = camera, vision, sink, plane
        self._tracker = Tracker()
        self._cues = CueFinder()
        self._photographer = Photographer(vision)
        self._encounters = EncounterFinder()
        self._watchdog = Watchdog()
        self._size = (0, 0)
        self._stopping = False

    @property
    def camera_state(self) -> CameraState:
        return self._watchdog.state

    def stop(self) -> None:
        self._stopping = True

    def run(self) -> None:
        """Until the camera ends or `stop`; whoever is in view then is reported as ended. Raises CameraError."""
        try:
            for frame in self._camera.frames():
                if self._stopping:
                    break
                self._watch(frame)
                boxes, scores = self._vision.people(frame.rgb)
                cues = self._cues.look(frame.time, frame.rgb, boxes)
                for track in self._tracker.advance(frame.time, boxes, scores, cues):
                    self._report(track)
                seen = [track for track in self._tracker.all if track.end == frame.time]
                for track in seen:
                    self._photographer.take(frame, track)
                self._encounters.look(frame.time, self._places(frame.time))
                self._photographer.forget_all_but({track.number for track in self._tracker.all})
                self._sink.passed(frame.time, self._oldest(frame.time))
        finally:
            for track in self._tracker.finish():
                self._report(track)
            self._camera.close()

    def _report(self, track: Track) -> None:
        place = place_at_middle(track, self._plane, self._size)
        ended = sum_up(self._camera.name, track, self._photographer.hand_over(track.number), place, self._vision)
        encounters = self._encounters.ended(track.number)
        if not self._sink.take(ended, encounters):
            self._encounters.ended(track.number, reported=False)

    def _places(self, now: datetime) -> dict[int, Ground]:
        """The places of those seen in this frame, flickers left out."""
        places: dict[int, Ground] = {}
        if self._plane is None:
            return places
        for track in (track for track in self._tracker.live if track.end == now):
            x1, y1, x2, y2 = (float(side) for side in track.box)
            if found := self._plane.foot((x1, y1, x2, y2), *self._size):
                places[track.number] = found
        return places

    def _oldest(self, now: datetime) -> datetime:
        return min((track.start for track in self._tracker.all), default=now)

    def _watch(self, frame: Frame) -> None:
        self._size = (frame.rgb.shape[1], frame.rgb.shape[0])
        before = self._watchdog.state
        if self._watchdog.look(frame) is not before:
            _log.warning("camera %s is %s", self._camera.name, self._watchdog.state)
