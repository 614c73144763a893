"""Look at one of the demo's films with a box's own eyes, in this process: what the box would know before it seals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from edge.cameras.replay import ReplayCamera
from edge.geometry.ground_plane import GroundPlane
from edge.pipeline import Pipeline
from edge.sightings import EndedTrack
from edge.vision import Vision
from shared.sightings import Encounter
from tests.demo.script import Place
from tests.demo.walkers import Walk

START = datetime(2026, 11, 25, 3, tzinfo=UTC)


@dataclass(slots=True)
class Seen:
    """A sink that keeps what ended."""

    tracks: list[EndedTrack] = field(default_factory=list)
    encounters: list[Encounter] = field(default_factory=list)

    def take(self, ended: EndedTrack, encounters: Sequence[Encounter]) -> bool:
        self.tracks.append(ended)
        self.encounters += encounters
        return True

    def passed(self, now: datetime, oldest: datetime) -> None:
        """A trial has no hours to close."""


def look(place: Place, film: Path, vision: Vision) -> Seen:
    """Every track of a film that began at START."""
    view, seen = place.film.view, Seen()
    plane = GroundPlane(view.height_m, view.tilt_deg, view.focal_px)
    Pipeline(ReplayCamera(place.camera, film, START, place.film.fps), vision, seen, plane).run()
    return seen


def who(place: Place, track: EndedTrack) -> tuple[Walk, float] | None:
    """Whose track it is, by where they walked, and how many metres off; none where no foot was seen or nobody was."""
    if track.ground is None:
        return None
    middle = ((track.start - START) + (track.end - START)).total_seconds() / 2
    off: list[tuple[Walk, float]] = []
    for walk in place.film.walks:
        if where := walk.where(middle):
            off.append((walk, math.hypot(track.ground.east_m - where.right_m, track.ground.north_m - where.ahead_m)))
    return min(off, key=lambda pair: pair[1], default=None)
