"""A whole box over a broker in memory: it waits for keys and answers, outlives its camera, and counts everything."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from edge.cameras import BrokenVideo, CannotRead
from edge.outcome import NotAllKept, NotAllTaken, Outcome
from edge.runner import Runner
from edge.settings import BrokerSettings, CameraSettings, NodeSettings, Settings
from edge.watching import Patience
from shared import topics
from shared.acks import Ack, AckStatus, encode_acks
from shared.batches import verify_batch
from shared.clock import Clock, FixedClock, SystemClock
from shared.epochs import Epoch, derive_shares
from shared.errors import BadInput
from shared.keys import write_key
from shared.node_shares import seal_grant
from shared.transport import Message
from shared.transport.memory import MemoryBroker, MemoryTransport
from shared.wire import unpack
from tests.edge.street import NetworkCamera, PlainEyes, recording
from tests.waiting import wait_until

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
AUTHORITIES = ("north", "south")
QUICK = Patience(keys_s=10, acks_s=10, camera_first_s=0.1, camera_most_s=0.2)
HASTY = Patience(keys_s=0.2, acks_s=0.2, camera_first_s=0.1, camera_most_s=0.2)


class Place:
    """A box's folder and keys, a broker, and a centre that answers when it is told to."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.broker = folder, MemoryBroker()
        self.signing, self.sealing = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
        write_key(folder / "signing.key", self.signing)
        write_key(folder / "sealing.key", self.sealing)
        self.status = AckStatus.STORED
        self.centre = MemoryTransport(self.broker, "svc-centre")
        self.centre.subscribe(topics.EVERY_BATCH, self._answer)

    def settings(self, source: str, start: datetime | None = None) -> Settings:
        folder = self.folder
        return Settings(
            node=NodeSettings(
                id="box-1",
                cell="cell-1",
                authorities=AUTHORITIES,
                signing_key=folder / "signing.key",
                sealing_key=folder / "sealing.key",
                state_dir=folder / "state",
            ),
            broker=BrokerSettings(host="localhost", port=8883, ca=folder, certificate=folder, key=folder),
            camera=CameraSettings(name="cam-1", source=source, start=start),
        )

    def runner(self, settings: Settings, clock: Clock, patience: Patience = QUICK) -> Runner:
        return Runner(settings, PlainEyes(), clock, lambda will: MemoryTransport(self.broker, "box-1", will), patience)

    def grant(self, *moments: datetime) -> None:
        """Both authorities grant the hours of these moments."""
        for name in AUTHORITIES:
            epochs = [Epoch.at("cell-1", moment) for moment in moments]
            shares = {epoch: derive_shares(name.encode().ljust(32), epoch) for epoch in epochs}
            raw = seal_grant(name, "box-1", shares, self.sealing.public_key())
            self.broker.deliver(Message(topics.grants("box-1", name), raw, retain=True))

    def people_sent(self) -> int:
        """Sightings in all different batches that reached the broker, each verified."""
        raws = {m.payload for m in self.broker.log if m.topic == topics.batches("box-1")}
        return sum(verify_batch(raw, self.signing.public_key()).header.people for raw in raws)

    def health(self) -> dict[str, Any]:
        found: dict[str, Any] = unpack(self.broker.retained[topics.health("box-1")].payload, BadInput, "health")
        return found

    def _answer(self, message: Message) -> None:
        header = verify_batch(message.payload, self.signing.public_key()).header
        acks = [Ack(header.boot, header.sequence, self.status, "because of a test")]
        self.broker.deliver(Message(topics.acks("box-1"), encode_acks(acks)))


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@contextmanager
def running(runner: Runner) -> Iterator[threading.Thread]:
    """The box on a thread; stopped and joined at the end."""
    thread = threading.Thread(target=runner.run)
    thread.start()
    try:
        yield thread
    finally:
        runner.stop()
        thread.join(timeout=30)
        assert not thread.is_alive()


def test_a_recording_ends_when_the_centre_has_everything(place: Place) -> None:
    """Two people walk by; the run ends by itself with both acknowledged and nothing left."""
    video = recording(place.folder / "walk.avi", 50, people=2)
    place.grant(NOON)
    place.centre.connect()
    runner = place.runner(place.settings(str(video), NOON), FixedClock(NOON))
    runner.run()
    assert runner.outcome == Outcome(kept=2, lost=0, stored=1, refused=0, left=0)
    runner.outcome.check()
    assert place.people_sent() == 2
    assert place.health()["state"] == "down"


def test_the_start_waits_for_keys_instead_of_losing_tracks(place: Place) -> None:
    """A grant that comes after the start is still in time for the first person."""
    video = recording(place.folder / "walk.avi", 50)
    place.centre.connect()
    runner = place.runner(place.settings(str(video), NOON), FixedClock(NOON))
    with running(runner) as thread:
        wait_until(lambda: topics.health("box-1") in place.broker.retained, "the birth")
        place.grant(NOON)
        thread.join(timeout=30)
    assert (runner.outcome.kept, runner.outcome.lost) == (1, 0)


def test_without_keys_the_box_goes_on_and_counts_what_is_lost(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """The wait is bounded; after it every lost track is counted, said in the log, in health and in the outcome."""
    video = recording(place.folder / "walk.avi", 50)
    runner = place.runner(place.settings(str(video), NOON), FixedClock(NOON), HASTY)
    runner.run()
    assert (runner.outcome.kept, runner.outcome.lost) == (0, 1)
    assert place.health()["lost"] == 1
    assert "no keys for 2026-11-24 12:00 UTC" in caplog.text
    with pytest.raises(NotAllKept):
        runner.outcome.check()


def test_a_silent_centre_ends_the_wait_and_loses_nothing(place: Place) -> None:
    """Without an answer the run ends after a while, says what is left, and the next run sends it first."""
    video = recording(place.folder / "walk.avi", 50)
    place.grant(NOON)
    settings = place.settings(str(video), NOON)
    first = place.runner(settings, FixedClock(NOON), HASTY)
    first.run()
    assert first.outcome == Outcome(kept=1, lost=0, stored=0, refused=0, left=1)
    with pytest.raises(NotAllTaken, match="1 batches are not acknowledged"):
        first.outcome.check()
    place.centre.connect()
    second = place.runner(settings, FixedClock(NOON))
    second.run()
    assert second.outcome == Outcome(kept=1, lost=0, stored=2, refused=0, left=0)


def test_a_box_that_is_told_to_stop_does_not_wait(place: Place) -> None:
    """Stopping ends every wait: for keys, and for answers that nobody gives."""
    video = recording(place.folder / "walk.avi", 50)
    runner = place.runner(place.settings(str(video), NOON), FixedClock(NOON), Patience(keys_s=600, acks_s=600))
    with running(runner):
        wait_until(lambda: topics.health("box-1") in place.broker.retained, "the birth")
    assert runner.outcome == Outcome(0, 0, 0, 0, 0)


def test_refused_batches_show_in_health_and_in_the_outcome(place: Place) -> None:
    """What the centre will never take is counted where a technician looks."""
    video = recording(place.folder / "walk.avi", 50)
    place.grant(NOON)
    place.status = AckStatus.REFUSED
    place.centre.connect()
    runner = place.runner(place.settings(str(video), NOON), FixedClock(NOON))
    runner.run()
    assert place.health()["outbox"]["refused"] == 1
    with pytest.raises(NotAllTaken, match="refused 1"):
        runner.outcome.check()


def test_a_cut_recording_is_stored_and_sent_as_far_as_it_goes(place: Place) -> None:
    """Whoever was in view where the file breaks off is stored and sent, and the damage has a name."""
    video = recording(place.folder / "walk.avi", 100)
    raw = video.read_bytes()
    video.write_bytes(raw[: len(raw) // 2])
    place.grant(NOON)
    place.centre.connect()
    settings = place.settings(str(video), NOON)
    settings = settings.model_copy(update={"camera": settings.camera.model_copy(update={"fps": 10.0})})
    runner = place.runner(settings, FixedClock(NOON))
    with pytest.raises(BrokenVideo):
        runner.run()
    assert runner.outcome == Outcome(kept=1, lost=0, stored=1, refused=0, left=0)
    assert place.people_sent() == 1


def test_a_recording_that_is_not_there_is_told_before_anything_is_waited_for(place: Place) -> None:
    """A wrong path is refused when the box is put together."""
    with pytest.raises(CannotRead, match="no file"):
        place.runner(place.settings("/nowhere/walk.avi", NOON), FixedClock(NOON))


def test_a_camera_that_vanishes_costs_nobody_in_view_and_is_found_again(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    """Its people are stored at once, health says lost, and when it is back it is seeing, until the next time."""
    camera, now = NetworkCamera(), datetime.now(UTC)
    place.grant(now, now + timedelta(hours=1))
    runner = place.runner(place.settings(camera.address), SystemClock())
    kept = []
    with running(runner):
        for _ in range(2):
            served = camera.served
            wait_until(lambda: camera_is(place, "seeing"), "pictures")
            wait_until(lambda served=served: camera.served > served + 15, "somebody to be seen")  # type: ignore[misc]
            camera.vanish()
            wait_until(lambda: camera_is(place, "lost"), "the loss to be told")
            kept.append(place.health()["outbox"]["pending"])
            camera.appear()
    camera.vanish()
    assert 1 <= kept[0] < kept[1] <= runner.outcome.kept
    assert runner.outcome.lost == 0
    assert "hunter2" not in caplog.text


def test_a_camera_that_is_not_there_yet_does_not_end_the_box(place: Place) -> None:
    """A box that starts before its camera says that it is lost, and sees as soon as there is something to see."""
    camera, now = NetworkCamera(), datetime.now(UTC)
    camera.vanish()
    place.grant(now, now + timedelta(hours=1))
    with running(place.runner(place.settings(camera.address), SystemClock())):
        wait_until(lambda: camera_is(place, "lost"), "the box to say so")
        camera.appear()
        wait_until(lambda: camera_is(place, "seeing"), "the first pictures")
    camera.vanish()


def test_an_hour_ends_without_a_camera_too(place: Place) -> None:
    """What the last hour holds is sent although no picture comes that would tell the time."""
    camera, clock = NetworkCamera(), FixedClock(NOON)
    place.grant(NOON)
    place.centre.connect()
    with running(place.runner(place.settings(camera.address), clock)):
        wait_until(lambda: camera.served > 15, "somebody to be seen")
        camera.vanish()
        wait_until(lambda: camera_is(place, "lost"), "the loss to be told")
        assert place.people_sent() == 0
        clock.advance(timedelta(hours=1))
        wait_until(lambda: place.people_sent() >= 1, "the hour to be sent")


def camera_is(place: Place, state: str) -> bool:
    """What the box's health says about its camera."""
    return topics.health("box-1") in place.broker.retained and place.health()["camera"] == state
