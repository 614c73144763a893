"""Recorded pictures play as a camera, and damage is told by name."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from edge.cameras import BrokenVideo, CannotRead, Frame
from edge.cameras.live import CameraLost, LiveCamera
from edge.cameras.replay import ReplayCamera
from edge.cameras.watchdog import CameraState, Watchdog
from shared.clock import SystemClock
from shared.errors import BadInput
from tests.edge.street import HEIGHT, WIDTH, NetworkCamera
from tests.waiting import wait_until

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """30 frames at 10 fps, each brighter than the one before, red the strongest colour."""
    path = tmp_path / "walk.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    for index in range(30):
        writer.write(np.full((48, 64, 3), (10, 20, 100 + 5 * index), np.uint8))
    writer.release()
    return path


def test_a_video_plays_in_its_own_time_and_in_rgb(video: Path) -> None:
    """Frames carry the start time plus their place in the video, and red comes first."""
    frames = list(ReplayCamera("cam-1", video, NOON).frames())
    assert len(frames) == 30
    assert frames[10].time == NOON + timedelta(seconds=1)
    assert frames[0].rgb.shape == (48, 64, 3)
    assert frames[0].rgb[0, 0].argmax() == 0


def test_frames_can_be_thinned_without_changing_their_times(video: Path) -> None:
    """A stride of 5 gives every fifth frame at its own time."""
    frames = list(ReplayCamera("cam-1", video, NOON, stride=5).frames())
    assert [frame.index for frame in frames] == [0, 5, 10, 15, 20, 25]
    assert frames[1].time == NOON + timedelta(seconds=0.5)


def test_a_folder_plays_in_order_of_names(tmp_path: Path) -> None:
    """Pictures play in the order of their names; other files are passed over."""
    for index in (2, 0, 1):
        cv2.imwrite(str(tmp_path / f"{index:03}.png"), np.full((8, 8, 3), 50 * index, np.uint8))
    (tmp_path / "notes.txt").write_text("x")
    frames = list(ReplayCamera("cam-1", tmp_path, NOON, fps=2).frames())
    assert [int(frame.rgb.mean()) for frame in frames] == [0, 50, 100]
    assert frames[2].time == NOON + timedelta(seconds=1)


def test_a_cut_video_is_named_after_its_whole_part_was_played(video: Path) -> None:
    """A truncated file gives the frames that it has and then says how many are missing."""
    raw = video.read_bytes()
    video.write_bytes(raw[: len(raw) // 2])
    played: list[Frame] = []
    with pytest.raises((BrokenVideo, CannotRead), match=r"copy it again|try an"):
        for frame in ReplayCamera("cam-1", video, NOON, fps=10).frames():
            played.append(frame)
    assert 1 <= len(played) < 30


def test_rubbish_missing_and_empty_sources_are_named(tmp_path: Path) -> None:
    """A file that is no video, a missing file and a folder without pictures each say what to do."""
    rubbish = tmp_path / "a.mp4"
    rubbish.write_bytes(b"not a video" * 100)
    for source in (rubbish, tmp_path / "missing.mp4", tmp_path):
        with pytest.raises(CannotRead):
            list(ReplayCamera("cam-1", source, NOON).frames())


def test_a_broken_picture_in_a_folder_is_named(tmp_path: Path) -> None:
    """The picture that does not decode is named."""
    (tmp_path / "0.jpg").write_bytes(b"rubbish")
    with pytest.raises(BrokenVideo, match=r"0\.jpg"):
        list(ReplayCamera("cam-1", tmp_path, NOON).frames())


def test_a_start_without_a_zone_is_refused(video: Path) -> None:
    """A replay does not guess the zone of its start time."""
    with pytest.raises(BadInput, match="zone"):
        list(ReplayCamera("cam-1", video, datetime(2026, 11, 24, 12)).frames())  # noqa: DTZ001


def test_a_camera_that_does_not_answer_does_not_tell_its_password() -> None:
    """The error names the address without the user and password in it."""
    with pytest.raises(CannotRead) as caught:
        list(LiveCamera("cam-1", "rtsp://admin:hunter2@127.0.0.1:9/stream", SystemClock()).frames())
    assert "hunter2" not in str(caught.value)
    assert "127.0.0.1" in str(caught.value)


def test_a_password_reaches_no_log_of_a_library_either() -> None:
    """What OpenCV prints by itself when a camera does not answer does not hold the address's password."""
    code = (
        "import sys; from edge.cameras.live import CameraLost, LiveCamera; from shared.clock import SystemClock; "
        "from shared.errors import CairnError\n"
        "for scheme in ('rtsp', 'http', 'rtmp', 'nonsense'):\n"
        "    try: list(LiveCamera('cam-1', scheme + '://admin:hunter2@127.0.0.1:9/s', SystemClock()).frames())\n"
        "    except CairnError as error: print(error, file=sys.stderr)\n"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stderr.count("does not answer") == 4
    assert "hunter2" not in done.stderr + done.stdout


@pytest.fixture
def network_camera() -> Iterator[NetworkCamera]:
    made = NetworkCamera()
    yield made
    made.vanish()


def test_a_network_camera_gives_frames_of_the_moment(network_camera: NetworkCamera) -> None:
    """Frames carry the time at which they came, and a slow reader is given the newest and no backlog."""
    camera = LiveCamera("cam-1", network_camera.address, SystemClock())
    frames = camera.frames()
    first = next(frames)
    served = network_camera.served
    wait_until(lambda: network_camera.served > served + 20, "20 more pictures")
    later = next(frames)
    assert first.rgb.shape == (HEIGHT, WIDTH, 3)
    assert (later.index, first.index) == (1, 0)
    assert later.time - first.time > timedelta(seconds=0.4)
    camera.close()
    assert list(frames) == []


@pytest.mark.parametrize("silent", [False, True])
def test_a_camera_that_stops_or_falls_silent_is_lost(network_camera: NetworkCamera, silent: bool) -> None:
    """A link that breaks and one on which nothing comes any more both end in CameraLost, and soon."""
    frames = LiveCamera("cam-1", network_camera.address, SystemClock(), silent_after_s=1).frames()
    next(frames)
    if silent:
        network_camera.silent = True
    else:
        network_camera.vanish()
    with pytest.raises(CameraLost, match="check its power"):
        list(frames)


def _frame(rgb: npt.NDArray[Any], second: float) -> Frame:
    return Frame(rgb.astype(np.uint8), NOON + timedelta(seconds=second))


def test_the_watchdog_tells_seeing_blind_and_frozen_apart() -> None:
    """Noise is seeing, black is blind, the same picture for half a minute is frozen, and it recovers."""
    noise = np.random.default_rng(1)
    dog = Watchdog()
    assert dog.look(_frame(noise.integers(0, 255, (64, 64, 3)), 0)) is CameraState.SEEING
    assert dog.look(_frame(np.zeros((64, 64, 3)), 1)) is CameraState.BLIND
    stuck = noise.integers(0, 255, (64, 64, 3))
    states = [dog.look(_frame(stuck, second)) for second in range(2, 40)]
    assert states[0] is CameraState.SEEING
    assert states[-1] is CameraState.FROZEN
    assert dog.look(_frame(noise.integers(0, 255, (64, 64, 3)), 41)) is CameraState.SEEING
