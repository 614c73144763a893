"""An ended track becomes numbers and its pictures are dropped; the numbers become a sighting under the hour's keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from edge.epoch_keys import HourKeys
from edge.geometry.ground_plane import Ground, GroundPlane
from edge.tracking.shots import Shots
from edge.tracking.track import Track
from edge.vision import Floats, Vision, fuse, vote
from shared.codes import APPEARANCE_BITS, FACE_BITS, encode
from shared.face_mask import FaceMask
from shared.sightings import Sighting


@dataclass(frozen=True, slots=True, eq=False)
class EndedTrack:
    """One person, one camera, no pixels. Embeddings are unit vectors and never leave the box."""

    number: int
    camera: str
    start: datetime
    end: datetime
    face: Floats | None = field(repr=False)
    appearance: Floats | None = field(repr=False)
    mask: FaceMask
    quality: float
    ground: Ground | None


def sum_up(camera: str, track: Track, shots: Shots, ground: Ground | None, vision: Vision) -> EndedTrack:
    """Embed and judge the kept shots, then drop them."""
    faces, bodies = shots.faces.best_first(), shots.bodies.best_first()
    weights = [quality for quality, _ in faces]
    mask = vote([vision.judge_mask(shot) for _, shot in faces], weights)
    ended = EndedTrack(
        number=track.number,
        camera=camera,
        start=track.start,
        end=track.end,
        face=fuse([vision.embed_face(shot) for _, shot in faces], weights),
        appearance=fuse([vision.embed_appearance(body) for _, body in bodies], [quality for quality, _ in bodies]),
        mask=mask,
        quality=max(weights, default=0.0),
        ground=ground,
    )
    shots.drop()
    return ended


def encode_track(ended: EndedTrack, keys: HourKeys) -> Sighting:
    """The sighting of an ended track; its embeddings end here."""
    return Sighting(
        number=ended.number,
        camera=ended.camera,
        start=ended.start,
        end=ended.end,
        face_code=_code(ended.face, keys.face, FACE_BITS),
        appearance_code=_code(ended.appearance, keys.appearance, APPEARANCE_BITS),
        mask=ended.mask,
        quality=ended.quality,
        east_m=ended.ground.east_m if ended.ground else None,
        north_m=ended.ground.north_m if ended.ground else None,
    )


def place_at_middle(track: Track, plane: GroundPlane | None, size: tuple[int, int]) -> Ground | None:
    """Where the person stood nearest to the middle of the track, `size` being the picture's width and height."""
    if plane is None:
        return None
    middle = track.start + (track.end - track.start) / 2
    for _, box in sorted(track.path, key=lambda hit: abs(hit[0] - middle)):
        x1, y1, x2, y2 = (float(side) for side in box)
        if found := plane.foot((x1, y1, x2, y2), *size):
            return found
    return None


def _code(embedding: Floats | None, key: bytes, bits: int) -> bytes | None:
    return None if embedding is None else encode(embedding[None, :], key, bits)[0].tobytes()
