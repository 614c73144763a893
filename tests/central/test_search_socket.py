"""Workers behind a socket, as systemd starts them: the same search, a worker a connection, and hanging up ends it."""

from __future__ import annotations

import dataclasses
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import Session

from central.cases.service import release_of
from central.cases.tables import Case
from central.errors import ServiceDown
from central.search.case_search import search_case
from central.search.dispatch import SearchFailed, SearchWorker
from central.search.job import Job
from central.search.socket_link import SocketLink
from tests.central.authority_fixtures import CASE
from tests.central.centre_fixtures import Office
from tests.waiting import wait_until


class Manager:
    """Does for one socket what systemd does with Accept=yes and StandardInput=socket."""

    def __init__(self, path: Path) -> None:
        self.path, self.workers = path, list[subprocess.Popen[bytes]]()
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(str(path))
        self._listening.listen()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        command = [sys.executable, "-m", "central", "search"]
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            with connection:
                self.workers.append(subprocess.Popen(command, stdin=connection.fileno(), stdout=connection.fileno()))

    def stop(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listening.close()
        for worker in self.workers:
            worker.kill()
            worker.wait()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    made = Manager(tmp_path / "search.sock")
    yield made
    made.stop()


def test_a_search_behind_a_socket_finds_the_same(manager: Manager, tmp_path: Path) -> None:
    """The centre that is told of the socket searches there, and the worker ends after its one search."""
    office = Office(tmp_path)
    with office.open(dataclasses.replace(office.parts, worker_at=manager.path)):
        office.fill()
        kim = office.approved()
        job = office.searched(kim)
        assert (job["state"], job["candidates"]) == ("done", 1)
        (worker,) = manager.workers
        wait_until(lambda: worker.poll() is not None, "the worker to end")
        with Session(office.engine) as session:
            release = release_of(session.get_one(Case, CASE))
        direct = search_case(release, office.parts, lambda _: None, threading.Event())
        assert len(direct.candidates) == 1


def test_hanging_up_ends_a_worker(manager: Manager) -> None:
    """A cancelled worker ends by itself, without an answer and without a complaint."""
    with SearchWorker(SocketLink(manager.path)) as worker:
        worker.cancel()
        with pytest.raises(SearchFailed, match="stopped"):
            list(worker.run(Job(CASE, {}, b""), []))
    wait_until(lambda: manager.workers[0].poll() is not None, "the worker to end")


def test_a_worker_behind_a_socket_refuses_in_words(manager: Manager) -> None:
    """A job that nobody released is refused with its reason, as by a child."""
    with SearchWorker(SocketLink(manager.path)) as worker, pytest.raises(SearchFailed, match="without any release"):
        list(worker.run(Job(CASE, {}, b""), []))
    assert manager.workers[0].wait(30) == 2


def test_nobody_behind_the_socket_is_a_named_refusal(tmp_path: Path) -> None:
    """Without a listener the search is refused with what to start."""
    with pytest.raises(ServiceDown, match="no search worker answers") as refusal:
        SocketLink(tmp_path / "nobody.sock")
    assert "cairn-search.socket" in refusal.value.hint
