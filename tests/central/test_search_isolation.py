"""A search worker is thrown away whole: it leaves no file, no core dump and no process, and nobody may look into it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from central.search.dispatch import ChildLink, SearchFailed, SearchWorker
from central.search.frames import read_frame
from central.search.job import Found, Progress
from central.search.socket_link import Connected
from tests.central.authority_fixtures import World, some_faces
from tests.central.test_search import job_for
from tests.waiting import wait_until


@pytest.fixture
def world(tmp_path: Path) -> World:
    made = World(tmp_path)
    made.register(some_faces(1))
    return made


@pytest.fixture
def worker() -> Iterator[SearchWorker]:
    with SearchWorker() as started:
        yield started


def endless(batch: bytes) -> Iterator[bytes]:
    while True:
        yield batch


def test_core_dumps_and_files_are_limited_to_nothing(worker: SearchWorker) -> None:
    """The limits for core dumps and for the size of a file are zero, soft and hard, so they cannot be raised again."""
    limits = Path(f"/proc/{worker.pid}/limits").read_text().splitlines()
    found = [line.split()[-3:-1] for line in limits if line.startswith(("Max core", "Max file size"))]
    assert found == [["0", "0"], ["0", "0"]]


def test_only_its_connection_and_devices_are_open(worker: SearchWorker) -> None:
    """No file is open that something could be written to; messages go to the parent too."""
    folder = Path(f"/proc/{worker.pid}/fd")
    try:
        files = {str(link.readlink()) for link in folder.iterdir()}
    except PermissionError:  # not dumpable, so only root may look
        assert os.geteuid() != 0
        return
    assert all(name.startswith(("pipe:", "/dev/", "socket:", "anon_inode:")) for name in files)


def test_a_worker_whose_messages_would_go_to_a_file_still_ends_in_order(tmp_path: Path) -> None:
    """It may not write that file, so its words go nowhere, and the file stays empty."""
    log, (ours, theirs) = tmp_path / "log", socket.socketpair()
    with log.open("wb") as file, theirs:
        command = [sys.executable, "-m", "central", "search"]
        started = subprocess.Popen(command, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=file)
    link = Connected(ours)
    assert read_frame(link.stdout)  # it is ready
    link.hang_up()
    assert (started.wait(30), log.read_bytes()) == (0, b"")


def test_no_file_is_mapped_for_writing(worker: SearchWorker) -> None:
    """Memory that a system would write back to a file does not exist: only code and libraries are mapped."""
    try:
        maps = Path(f"/proc/{worker.pid}/maps").read_text().splitlines()
    except PermissionError:
        assert os.geteuid() != 0
        return
    shared = [line for line in maps if line.split()[1].startswith("rw") and line.split()[1].endswith("s")]
    assert not [line for line in shared if "/" in line]


def test_a_whole_search_changes_no_file_where_it_runs(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its folder for temporary files and its home in sight, a worker that searches writes into neither."""
    watched = tmp_path / "watched"
    watched.mkdir()
    for name in ("TMPDIR", "HOME", "NUMBA_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.setenv(name, str(watched))
    monkeypatch.chdir(watched)
    with SearchWorker() as worker:
        events = list(worker.run(job_for(world, worker.public), [world.batch(some_faces(3))]))
    assert isinstance(events[-1], Found)
    assert list(watched.iterdir()) == []


def test_a_crash_in_the_middle_of_a_search_dumps_no_core(world: World, tmp_path: Path) -> None:
    """A worker that is aborted with opened batches in memory ends without a core, and the caller is told."""
    with SearchWorker() as worker:
        events = worker.run(job_for(world, worker.public), endless(world.batch(some_faces(3))))
        assert any(isinstance(event, Progress) for event in events)
        os.kill(worker.pid, signal.SIGABRT)
        _, status = os.waitpid(worker.pid, 0)
        with pytest.raises(SearchFailed):
            list(events)
    assert os.WIFSIGNALED(status)
    assert not os.WCOREDUMP(status)
    assert not list(tmp_path.rglob("core*"))


def test_the_environment_of_the_service_stays_with_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    """Passwords and addresses that a service keeps in its environment are not handed to a worker."""
    monkeypatch.setenv("CAIRN_CENTRE_DATABASE", "postgresql://cairn:secret@db/cairn")
    with SearchWorker() as worker:
        try:
            environment = Path(f"/proc/{worker.pid}/environ").read_bytes()
        except PermissionError:
            assert os.geteuid() != 0
            return
    assert b"secret" not in environment


def child_of(worker: SearchWorker) -> ChildLink:
    """The link to a worker that is a child of this process."""
    assert isinstance(worker._link, ChildLink)
    return worker._link


def test_a_worker_ends_with_its_parent(worker: SearchWorker) -> None:
    """When the connection closes, as it does when the service is killed, the worker ends by itself in silence."""
    child = child_of(worker)
    child.connection.shutdown(socket.SHUT_RDWR)  # what the system does for a parent that was killed
    wait_until(lambda: child.process.poll() is not None, "the worker to end")
    assert child.process.returncode == 0


def test_what_a_worker_complains_about_is_in_the_service_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A worker's own messages, which it cannot write to a file, are passed on by its parent."""
    with SearchWorker() as worker:
        child = child_of(worker)
        child.stdin.write((5).to_bytes(4, "big") + b"\xff" * 5 + bytes(4))  # no job: refused in words
        child.stdin.flush()
        wait_until(lambda: child.process.poll() is not None, "the worker to end")
    for what in worker.lacking:
        assert what in caplog.text
    assert ("not to be had" in caplog.text) == bool(worker.lacking)
