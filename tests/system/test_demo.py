"""The whole demonstration as a newcomer runs it, and what its broker carried."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.model_vision import ModelVision
from shared import topics
from tests.demo.films import film_path
from tests.demo.layout import ROLES
from tests.demo.leaks import Searcher, Secrets
from tests.demo.looking import look
from tests.demo.observer import read_transcript
from tests.demo.processes import ROOT
from tests.demo.script import people, places
from tests.waiting import wait_until

COMMAND = (sys.executable, "-m", "tests.demo", "--cameras", "200")


@dataclass(frozen=True, slots=True)
class Run:
    """A demo that was run to its end."""

    home: Path
    status: int
    said: str
    heard: list[tuple[str, bytes]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """`make demo-once` with a smaller city and an observer at the broker."""
    folder = tmp_path_factory.mktemp("demo")
    home, transcript = folder / "demo", folder / "transcript"
    done = subprocess.run(
        [*COMMAND, "--once", "--home", home, "--transcript", transcript],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    return Run(home, done.returncode, said, read_transcript(transcript))


def running_in(home: Path) -> list[str]:
    """Command lines of all processes that were started with something below a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        except OSError:
            continue  # it has just ended
        if str(home) in line and int(entry.parent.name) != os.getpid():
            found.append(line)
    return found


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_ends_well_and_shows_what_it_found(run: Run) -> None:
    """Exit 0, a route equal to the truth, both refusals in words, the proofs, the total time, and a map on disk.

    Where the cameras alone leave a doubt, the patient was asked, and the search went on with the answer.
    """
    assert "the route equals the truth" in run.said
    assert ("the cameras alone" in run.said) == ("asked the patient about" in run.said)
    assert "the approver opened this case" in run.said
    assert "was withdrawn" in run.said
    assert "audit log verified" in run.said
    assert "stays shut, destroyed by north" in run.said
    assert " s in all" in run.said
    assert (run.home / "consent.pdf").read_bytes().startswith(b"%PDF")
    assert (run.home / "route.svg").read_text().startswith("<svg")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_demo_leaves_nothing_running(run: Run) -> None:
    """When it is over, no program of the demo is left."""
    assert running_in(run.home) == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_broker_carried_no_picture_no_float_and_no_name(run: Run) -> None:
    """Everything that every client sent: nothing decodes as a picture, no embedding and nobody's name is in it."""
    vision, vectors, pictures = ModelVision.load(), [], []
    for place in places():
        film = film_path(run.home / "films", place.film.name)
        tracks = look(place, film, vision).tracks
        vectors += [vector for track in tracks for vector in (track.face, track.appearance) if vector is not None]
        pictures.append(np.asarray(cv2.VideoCapture(str(film)).read()[1], np.uint8))
    searcher = Searcher(Secrets(vectors, pictures, [*ROLES, *people(), "case-1"]))
    assert len(vectors) > 20
    leaks = [(topic, leak) for topic, payload in run.heard for leak in searcher.leaks(topic, payload)]
    assert leaks == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_transcript_holds_what_every_box_sent(run: Run) -> None:
    """The observer heard batches of all boxes, grants, acknowledgements and health: there was something to search."""
    boxes = {f"box-{place.film.name}" for place in places()}
    senders = {topics.node_of(topic) for topic, _ in run.heard if topic == topics.batches(topics.node_of(topic))}
    assert boxes <= senders
    assert len(senders) > len(boxes) + 5
    kinds = {topic.split("/")[-1] if "grants" not in topic else "grants" for topic, _ in run.heard}
    assert {"batches", "acks", "health", "grants"} <= kinds


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_ctrl_c_ends_every_program(tmp_path: Path) -> None:
    """Interrupted while its services run, the demo ends with 130 and leaves nothing running."""
    home = tmp_path / "demo"
    demo = subprocess.Popen([*COMMAND, "--home", home], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        log = home / "logs" / "centre.log"
        wait_until(log.exists, "the centre to start", 120)
        assert running_in(home)
        demo.send_signal(signal.SIGINT)
        said, _ = demo.communicate(timeout=60)
    finally:
        demo.kill()
    assert demo.returncode == 130, said.decode()
    wait_until(lambda: not running_in(home), "every program to end", 10)


def test_a_second_demo_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    """Two demos never share a folder: the second says so and what to do."""
    with (tmp_path / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            [*COMMAND, "--home", tmp_path / "demo"], cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert done.returncode == 2
    assert "another demo is running" in done.stderr
    assert "Ctrl-C" in done.stderr
