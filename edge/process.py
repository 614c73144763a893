"""A trial on a recording: what a box would send, in words. No keys, no network, no code and no embedding shown."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from time import monotonic
from typing import Final, TextIO

from edge.cameras import Camera, Frame
from edge.cameras.replay import ReplayCamera
from edge.model_vision import ModelVision
from edge.pipeline import Pipeline
from edge.sightings import EndedTrack
from edge.stopping import stopped_by_signals
from edge.vision import Vision
from shared.sightings import Encounter

_TELL_EVERY_S: Final = 2.0


def process(options: argparse.Namespace) -> None:
    """Run the pipeline over `options.video` and print. Raises CameraError after what was seen until then is printed."""
    camera = ReplayCamera("trial", options.video, options.start, options.fps, options.stride)
    camera.check()
    trial = Trial(camera, ModelVision.load(), sys.stdout, sys.stderr, options.json)
    with stopped_by_signals(trial.stop) as asked:
        trial.run()
    if asked:
        raise KeyboardInterrupt


class Trial:
    """The sink of a trial: one line a track as it ends, progress on the side, and a summary at the end."""

    def __init__(self, camera: Camera, vision: Vision, out: TextIO, aside: TextIO, as_json: bool) -> None:
        self._out, self._as_json = out, as_json
        self._watched = _Watched(camera, aside)
        self._pipeline = Pipeline(self._watched, vision, self)
        self._masks: Counter[str] = Counter()
        self._faces = 0

    def run(self) -> None:
        """The summary is printed even where the recording breaks off. Raises CameraError."""
        try:
            self._pipeline.run()
        finally:
            self._say({"summary": self.summary()} if self._as_json else self._sum_up())

    def stop(self) -> None:
        self._pipeline.stop()

    def take(self, ended: EndedTrack, encounters: Sequence[Encounter]) -> bool:
        self._masks[ended.mask.label] += 1
        self._faces += ended.face is not None
        row = _row(ended, encounters)
        self._say(row if self._as_json else _sentence(row))
        return True

    def passed(self, now: datetime, oldest: datetime) -> None:
        """A trial has no hours to close."""

    def summary(self) -> dict[str, object]:
        """People, how many showed a usable face, their masks, and how fast it went."""
        watched = self._watched
        return {
            "people": self._masks.total(),
            "faces": self._faces,
            "masks": dict(sorted(self._masks.items())),
            "frames": watched.count,
            "seconds": round(watched.seconds, 2),
            "frames_per_second": round(watched.rate, 1),
        }

    def _sum_up(self) -> str:
        watched = self._watched
        masks = ", ".join(f"{label} {count}" for label, count in sorted(self._masks.items())) or "none"
        people = f"{self._masks.total()} people, {self._faces} with a usable face; masks: {masks}"
        return f"{people}; {watched.count} frames in {watched.seconds:.1f} s, {watched.rate:.1f} frames/s"

    def _say(self, what: dict[str, object] | str) -> None:
        print(json.dumps(what) if isinstance(what, dict) else what, file=self._out, flush=True)


class _Watched:
    """A camera whose frames are counted as they pass, with a line about it every few seconds."""

    def __init__(self, camera: Camera, aside: TextIO) -> None:
        self._camera, self._aside = camera, aside
        self._began = self._told = monotonic()
        self.count = 0

    @property
    def name(self) -> str:
        return self._camera.name

    @property
    def seconds(self) -> float:
        return monotonic() - self._began

    @property
    def rate(self) -> float:
        """Frames a second so far."""
        return self.count / max(self.seconds, 1e-6)

    def frames(self) -> Iterator[Frame]:
        self._began = self._told = monotonic()
        for frame in self._camera.frames():
            yield frame
            self.count += 1
            if monotonic() - self._told >= _TELL_EVERY_S:
                self._told = monotonic()
                print(f"frame {frame.index}: {self.rate:.1f} frames/s", file=self._aside, flush=True)

    def close(self) -> None:
        self._camera.close()


def _row(ended: EndedTrack, encounters: Sequence[Encounter]) -> dict[str, object]:
    return {
        "person": ended.number,
        "start": ended.start.isoformat(timespec="milliseconds"),
        "seconds": round((ended.end - ended.start).total_seconds(), 2),
        "face": ended.face is not None,
        "mask": ended.mask.label,
        "quality": round(ended.quality, 3),
        "appearance": ended.appearance is not None,
        "met": sorted({met.a + met.b - ended.number for met in encounters}),
    }


def _sentence(row: dict[str, object]) -> str:
    face = f"face of quality {row['quality']}, mask {row['mask']}" if row["face"] else "no usable face"
    clothes = "clothes seen" if row["appearance"] else "clothes not seen"
    return f"person {row['person']} from {row['start']} for {row['seconds']} s: {face}, {clothes}"
