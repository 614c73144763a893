"""A trial on a recording says in words what a box would send, also when the recording breaks off."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import skimage.data

from edge.__main__ import main
from edge.vision import Picture

DATA = Path(__file__).parents[3] / "shared" / "data"
VTEST = DATA / "pets_s2l1" / "vtest.avi"


def needs(path: Path) -> Path:
    """The public test data beside the checkout; required where CI runs."""
    if not path.exists():
        assert os.environ.get("CI") != "true", f"{path} is missing"
        pytest.skip(f"{path} is not here")
    return path


def recording(path: Path, frames: int = 20) -> Path:
    """A walker with the astronaut's portrait for an upper body, before a noisy wall; the wall alone at the end."""
    dice = np.random.default_rng(2)
    portrait: Picture = cv2.resize(skimage.data.astronaut()[:400, 60:400], (204, 240))
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (640, 480))
    for index in range(frames):
        rgb = dice.integers(110, 130, (480, 640, 3)).astype(np.uint8)
        x = 20 + 6 * index
        rgb[100:340, x : x + 204] = portrait
        rgb[340:480, x + 30 : x + 170] = (40, 40, 90)
        writer.write(rgb[:, :, ::-1])
    writer.release()
    return path


def rows(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_person_with_a_face_is_told_in_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One person, a usable face, and a summary; no code, no embedding."""
    assert main(["process", str(recording(tmp_path / "walk.avi")), "--json"]) == 0
    *people, last = rows(capsys.readouterr().out)
    assert last["summary"]["people"] == len(people) >= 1
    assert last["summary"]["frames"] == 20
    best = max(people, key=lambda row: float(row["quality"]))
    assert best["face"]
    assert best["mask"] in {"worn", "incorrect", "absent", "unknown"}
    kinds = {type(value) for row in people for value in row.values()}
    assert kinds <= {int, float, str, bool, list}
    assert all(len(str(value)) < 40 for row in people for value in row.values())


def test_a_recording_cut_short_is_told_until_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The people seen until then and the summary are printed; then the error, and exit status 2."""
    path = recording(tmp_path / "walk.avi", frames=40)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert main(["process", str(path), "--json"]) == 2
    told = capsys.readouterr()
    *people, last = rows(told.out)
    assert people
    assert 0 < last["summary"]["frames"] < 40
    assert "stops after" in told.err
    assert "hint:" in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize("content", [b"", b"this is no video", bytes(100_000)])
def test_what_is_no_video_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes) -> None:
    """Exit status 2 with a hint, before any model is loaded."""
    path = tmp_path / "walk.mp4"
    path.write_bytes(content)
    assert main(["process", str(path)]) == 2
    assert "hint:" in capsys.readouterr().err


def test_a_missing_file_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The path that was looked for is named."""
    assert main(["process", str(tmp_path / "no.avi")]) == 2
    assert "no.avi" in capsys.readouterr().err


def test_without_json_each_person_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Readable by whoever aims a camera."""
    assert main(["process", str(recording(tmp_path / "walk.avi")), "--stride", "2"]) == 0
    *people, last = capsys.readouterr().out.splitlines()
    assert people[0].startswith("person 1 from 2000-01-01T00:00:00.000+00:00 for ")
    assert "people" in last
    assert "frames/s" in last


@pytest.mark.slow
def test_vtest_shows_people(capsys: pytest.CaptureFixture[str]) -> None:
    """The public recording of a street, every 8th frame: about the people that walk there, most of them for seconds."""
    assert main(["process", str(needs(VTEST)), "--json", "--stride", "8"]) == 0
    *people, last = rows(capsys.readouterr().out)
    assert 15 <= last["summary"]["people"] <= 60
    assert all(row["appearance"] for row in people)
