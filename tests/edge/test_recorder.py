"""The recorder never stops the camera: what cannot be kept is counted and said, and what can be is kept again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge.epoch_keys import EpochKeys
from edge.outbox import Outbox
from edge.recorder import Recorder
from edge.sealing import Sealer
from edge.sightings import EndedTrack
from shared.acks import Ack, AckStatus
from shared.clock import FixedClock
from shared.epochs import Epoch, derive_shares
from shared.face_mask import FaceMask
from shared.node_shares import seal_grant

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MODELS = {"face": "mfn192-int8-1", "appearance": "reid-mnv2-1"}
HOUR = timedelta(hours=1)


class Desk:
    """A recorder with keys for three hours and an outbox of a given cap."""

    def __init__(self, folder: Path, cap_bytes: int = 10**6) -> None:
        private = X25519PrivateKey.generate()
        self.keys = EpochKeys("node-1", "cell-1", private, ["north", "south"], MODELS)
        epochs = [Epoch.at("cell-1", NOON + hours * HOUR) for hours in range(3)]
        for name in ("north", "south"):
            shares = {epoch: derive_shares(name.encode().ljust(32), epoch) for epoch in epochs}
            self.keys.take_grant(name, seal_grant(name, "node-1", shares, private.public_key()))
        self.box = Outbox(folder / "outbox.db", FixedClock(NOON), cap_bytes)
        sealer = Sealer("node-1", self.keys, Ed25519PrivateKey.generate(), MODELS)
        self.ready = 0
        self.recorder = Recorder("cell-1", self.keys, sealer, self.box, self._count)

    def take(self, start: datetime, end: datetime | None = None) -> bool:
        face = np.eye(192, dtype=np.float32)[3]
        ended = EndedTrack(1, "cam-1", start, end or start, face, None, FaceMask.ABSENT, 0.5, None)
        return self.recorder.take(ended, [])

    def _count(self) -> None:
        self.ready += 1


def test_a_full_outbox_is_counted_and_then_kept_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The first loss is logged with what to do, the rest are counted, and with room tracks are kept again."""
    desk = Desk(tmp_path, cap_bytes=3000)
    kept = [desk.take(NOON) for _ in range(5)]
    assert (kept[0], kept[-1]) == (True, False)
    lost = kept.count(False)
    assert (desk.recorder.kept, desk.recorder.lost) == (5 - lost, lost)
    assert caplog.text.count("are being lost") == 1
    desk.recorder.close()
    desk.box.settle([Ack(*key, AckStatus.STORED) for key in desk.box.waiting()])
    assert desk.take(NOON)
    assert f"kept again; {lost} were lost" in caplog.text
    desk.box.close()


def test_a_clock_that_leaps_costs_one_track_and_not_the_box(tmp_path: Path) -> None:
    """A track whose end lies days after its start cannot be written down; the next one can."""
    desk = Desk(tmp_path)
    assert not desk.take(NOON, NOON + timedelta(days=3))
    assert desk.take(NOON)
    assert (desk.recorder.kept, desk.recorder.lost) == (1, 1)
    desk.box.close()


def test_an_hour_is_sent_when_nobody_of_it_is_left_in_view(tmp_path: Path) -> None:
    """A person who stays over the hour's edge holds its keys; when they have gone, it is closed and the keys erased."""
    desk = Desk(tmp_path)
    desk.take(NOON)
    desk.recorder.passed(NOON + HOUR, oldest=NOON + 0.9 * HOUR)
    assert (desk.ready, len(desk.keys.hours())) == (0, 3)
    desk.recorder.passed(NOON + 1.1 * HOUR, oldest=NOON + HOUR)
    assert (desk.ready, len(desk.keys.hours())) == (1, 2)
    assert len(desk.box.waiting()) == 1
    desk.box.close()


def test_an_hour_that_cannot_be_closed_is_tried_again_later_and_not_with_every_frame(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failing disk is complained of once a minute, and the hour goes out when the disk works again."""
    from edge.outbox import DiskFull

    desk = Desk(tmp_path)
    desk.take(NOON)

    def full(*_: object) -> int:
        raise DiskFull("the disk of the outbox is full", hint="free some space")

    with monkeypatch.context() as during:
        during.setattr(desk.box, "close_epoch", full)
        for seconds in range(10):
            now = NOON + HOUR + timedelta(seconds=seconds)
            desk.recorder.passed(now, now)
    assert caplog.text.count("cannot be closed yet") == 1
    later = NOON + HOUR + timedelta(seconds=61)
    desk.recorder.passed(later, later)
    assert len(desk.box.waiting()) == 1
    desk.box.close()
