"""Are people found and followed? A video through detector and tracker, against boxes and identities drawn by hand."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as Xml

from edge.calibrate import BadMaterial
from edge.calibrate.mot import Box, TrackingFigures, score
from edge.cameras.replay import ReplayCamera
from edge.tracking.cues import CueFinder
from edge.tracking.track import Track
from edge.tracking.tracker import Tracker
from edge.vision import Vision

_START: Final = datetime(2000, 1, 1, tzinfo=UTC)
_FPS: Final = 10.0
_MOST_BYTES: Final = 64 * 1024 * 1024


def calibrate_tracking(video: Path, truth: Path, vision: Vision) -> TrackingFigures:
    """Figures over the frames that the truth covers. Raises BadMaterial, CameraError kinds."""
    people = read_truth(truth)
    found: dict[int, dict[int, Box]] = defaultdict(dict)
    for track in follow(video, vision, max(people)):
        for time, box in track.path:
            x1, y1, x2, y2 = (float(side) for side in box)
            found[round((time - _START) / timedelta(seconds=1 / _FPS))][track.number] = (x1, y1, x2, y2)
    return score(people, found)


def follow(video: Path, vision: Vision, last: int) -> Iterator[Track]:
    """Every track of the video until frame `last`, timed as if it had 10 frames a second, which is PETS's rate."""
    tracker, cues = Tracker(), CueFinder()
    for frame in ReplayCamera("calibrate", video, _START, _FPS).frames():
        if frame.index > last:
            break
        boxes, scores = vision.people(frame.rgb)
        yield from tracker.advance(frame.time, boxes, scores, cues.look(frame.time, frame.rgb, boxes))
    yield from tracker.finish()


def read_truth(path: Path) -> dict[int, dict[int, Box]]:
    """CVML, as PETS is annotated: frames with objects, each an id and a box by centre, width and height."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise BadMaterial(f"{path} is too large for a truth file", hint="give the XML file of the annotations")
        # Entities that grow without end are refused by the parser itself (expat 2.4 and later).
        root = Xml.fromstring(path.read_bytes())  # noqa: S314
        frames = {int(frame.attrib["number"]): dict(_people(frame)) for frame in root.iter("frame")}
    except OSError as error:
        raise BadMaterial(f"cannot read {path}: {error.strerror}", hint="check the path") from None
    except (Xml.ParseError, KeyError, ValueError, AttributeError):
        raise BadMaterial(f"{path} is no CVML annotation", hint="give the XML file of the annotations") from None
    if not frames:
        raise BadMaterial(f"{path} has no frames", hint="give the XML file of the annotations")
    return frames


def _people(frame: Xml.Element) -> Iterator[tuple[int, Box]]:
    for person in frame.iter("object"):
        box = person.find("box")
        if box is not None:
            x, y, width, height = (float(box.attrib[name]) for name in ("xc", "yc", "w", "h"))
            yield int(person.attrib["id"]), (x - width / 2, y - height / 2, x + width / 2, y + height / 2)
