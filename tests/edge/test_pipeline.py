"""A picture goes in, a sealed sighting comes out, and nothing else stays."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge.cameras import BrokenVideo, Frame
from edge.epoch_keys import EpochKeys
from edge.geometry.ground_plane import GroundPlane
from edge.outbox import Outbox
from edge.pipeline import Pipeline
from edge.recorder import Recorder
from edge.sealing import Sealer
from edge.vision import Boxes, Face, FaceShot, Floats, MaskVote, Picture, fuse, vote
from shared.batches import open_batch, verify_batch
from shared.clock import FixedClock
from shared.codes import FACE_BITS, encode
from shared.epochs import Epoch, derive_shares
from shared.face_mask import FaceMask
from shared.node_shares import seal_grant
from shared.sighting_columns import SightingColumns

EDGE_OF_HOUR = datetime(2026, 11, 24, 13, tzinfo=UTC)
MODELS = {"face": "mfn192-int8-1", "appearance": "reid-mnv2-1"}
FACE = np.eye(192, dtype=np.float32)[3] + np.float32(0.1) * np.eye(192, dtype=np.float32)[7]
LOOK = np.eye(1280, dtype=np.float32)[5] + np.float32(0.1) * np.eye(1280, dtype=np.float32)[9]
ANY_FACE = Face(np.zeros(4, np.float32), np.zeros((6, 2), np.float32), 0.9)


def _unit(x: Floats) -> Floats:
    return np.asarray(x / np.linalg.norm(x), np.float32)


@dataclass
class Script:
    """A camera and the eyes behind it: two people walk past side by side, one of them masked."""

    frames_count: int
    start: datetime
    fails_at: int = -1
    name: str = "cam-1"
    closed: bool = False
    shots: list[FaceShot] = field(default_factory=list)
    index: int = 0

    def frames(self) -> Iterator[Frame]:
        noise = np.random.default_rng(1)
        for index in range(self.frames_count):
            self.index = index
            if self.index == self.fails_at:
                raise BrokenVideo("cut", hint="copy it again")
            rgb = noise.integers(0, 255, (480, 640, 3)).astype(np.uint8)
            yield Frame(rgb, self.start + timedelta(seconds=self.index / 10), self.index)

    def close(self) -> None:
        self.closed = True

    def people(self, rgb: Picture) -> tuple[Boxes, np.ndarray[tuple[int], np.dtype[np.float64]]]:
        if self.index > self.frames_count * 0.8:
            return np.empty((0, 4)), np.empty(0)
        x = 20.0 + 5 * self.index
        return np.array([[x, 200, x + 50, 400], [x + 80, 200, x + 130, 400]]), np.array([0.9, 0.8])

    def faces(self, rgb: Picture) -> list[FaceShot]:
        return [FaceShot(rgb.copy(), ANY_FACE, 0.6)]

    def embed_face(self, shot: FaceShot) -> Floats:
        return _unit(FACE)

    def judge_mask(self, shot: FaceShot) -> MaskVote:
        return MaskVote(FaceMask.WORN, 0.9)

    def embed_appearance(self, rgb: Picture) -> Floats:
        return _unit(LOOK)


class Box:
    """A whole box but for models and broker."""

    def __init__(self, folder: Path, granted: list[int]) -> None:
        private = X25519PrivateKey.generate()
        self.signing = Ed25519PrivateKey.generate()
        self.keys = EpochKeys("node-1", "cell-1", private, ["authority-a", "authority-b"], MODELS)
        for name in ("authority-a", "authority-b"):
            shares = {
                Epoch("cell-1", hour): derive_shares(name.encode().ljust(32), Epoch("cell-1", hour)) for hour in granted
            }
            self.keys.take_grant(name, seal_grant(name, "node-1", shares, private.public_key()))
        self.seals = {hour: self.keys.keys(Epoch("cell-1", hour)) for hour in granted}
        self.outbox = Outbox(folder / "outbox.db", FixedClock(EDGE_OF_HOUR))
        sealer = Sealer("node-1", self.keys, self.signing, MODELS)
        self.recorder = Recorder("cell-1", self.keys, sealer, self.outbox, lambda: None)

    def run(self, script: Script) -> None:
        plane = GroundPlane(height_m=4, tilt_deg=30, focal_px=600)
        Pipeline(script, script, self.recorder, plane).run()

    def opened(self) -> list[SightingColumns]:
        found = [self.outbox.read(*key) for key in self.outbox.waiting()]
        batches = [verify_batch(one.raw, self.signing.public_key()) for one in found if one is not None]
        return [open_batch(batch, self.seals[batch.header.hour].seal) for batch in batches]


HOUR = Epoch.at("cell-1", EDGE_OF_HOUR).hour


@pytest.fixture
def box(tmp_path: Path) -> Iterator[Box]:
    made = Box(tmp_path, [HOUR - 1, HOUR])
    yield made
    made.outbox.close()


def test_two_people_become_two_sealed_sightings_and_an_encounter(box: Box) -> None:
    """From pixels to an opened batch: code, mask, place and who walked beside whom."""
    box.run(Script(60, EDGE_OF_HOUR))
    box.recorder.close()
    [columns] = box.opened()
    assert len(columns) == 2
    sighting = columns.sighting(0)
    assert sighting.face_code == encode(FACE[None], box.seals[HOUR].face, FACE_BITS)[0].tobytes()
    assert sighting.appearance_code is not None
    assert (sighting.mask, sighting.camera) == (FaceMask.WORN, "cam-1")
    assert sighting.start == EDGE_OF_HOUR
    assert sighting.quality == pytest.approx(0.6, abs=1 / 255)
    assert sighting.north_m is not None
    [met] = columns.encounters
    assert {met.a, met.b} == set(columns.number.tolist())
    assert 0.3 < met.min_distance_m < 3


def test_a_track_over_the_hours_edge_belongs_to_the_hour_in_which_it_began(box: Box) -> None:
    """It is encoded once, under the earlier hour, whose keys are erased afterwards and only then."""
    box.run(Script(100, EDGE_OF_HOUR - timedelta(seconds=3)))
    assert [columns.epoch.hour for columns in box.opened()] == [HOUR - 1]
    assert box.keys.hours() == [HOUR]


def test_without_keys_the_box_says_so_once_and_goes_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Tracks of an hour without keys are counted as lost; those of the next hour are kept."""
    box = Box(tmp_path, [HOUR])
    box.run(Script(30, EDGE_OF_HOUR - timedelta(minutes=10)))
    assert box.recorder.lost == 2
    assert len([record for record in caplog.records if record.levelno >= logging.ERROR]) == 1
    assert "no grant from authority-a, authority-b" in caplog.text
    box.run(Script(30, EDGE_OF_HOUR))
    box.recorder.close()
    assert [len(columns) for columns in box.opened()] == [2]
    box.outbox.close()


def test_a_camera_that_breaks_loses_nobody_who_was_seen(box: Box) -> None:
    """Whoever is in view when the picture stops is reported, the camera is closed, the error is passed on."""
    script = Script(60, EDGE_OF_HOUR, fails_at=30)
    with pytest.raises(BrokenVideo):
        box.run(script)
    assert script.closed
    box.recorder.close()
    assert [len(columns) for columns in box.opened()] == [2]


def test_nothing_on_disk_holds_a_float_embedding(box: Box, tmp_path: Path) -> None:
    """The bytes of the face embedding appear in no file of the state folder."""
    box.run(Script(60, EDGE_OF_HOUR))
    needles = [FACE.tobytes(), _unit(FACE).tobytes()]
    for path in tmp_path.iterdir():
        assert not any(needle in path.read_bytes() for needle in needles)


def test_fusing_follows_the_better_pictures() -> None:
    """The fused direction is a unit vector nearer to the picture of higher quality; nothing fuses to nothing."""
    a, b = np.eye(4, dtype=np.float32)[:2]
    fused = fuse([a, b], [0.9, 0.1])
    assert fused is not None
    assert float(np.linalg.norm(fused)) == pytest.approx(1, abs=1e-6)
    assert fused[0] > fused[1] > 0
    assert fuse([], []) is None
    assert fuse([a, -a], [0.5, 0.5]) is None


def test_the_mask_vote_weighs_quality_and_sureness() -> None:
    """One sharp sure picture outweighs two doubtful ones; no picture means unknown."""
    votes = [MaskVote(FaceMask.WORN, 0.95), MaskVote(FaceMask.ABSENT, 0.4), MaskVote(FaceMask.ABSENT, 0.4)]
    assert vote(votes, [0.9, 0.3, 0.3]) is FaceMask.WORN
    assert vote([], []) is FaceMask.UNKNOWN
