"""The parent's side of a search: starts a worker, hands it what others sealed to it, streams batches, reads events.

The parent carries sealed bytes only. The one place in the centre that starts a process.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Protocol

from central.search.frames import Batch, read_frame, write_frame
from central.search.handing_over import HandingOver
from central.search.job import (
    BatchFailed,
    Coverage,
    Event,
    Found,
    HandedOff,
    Hello,
    Job,
    JobRefused,
    Progress,
    Taken,
    event_from_bytes,
    hand_on_to_bytes,
    job_to_bytes,
)
from central.search.socket_link import Connected
from shared.batches import Raw
from shared.errors import BadInput, Refused

log = logging.getLogger(__name__)

_ENDS_WITHIN_S = 10


class SearchFailed(Refused):
    """A worker ended without an answer."""


class Link(Protocol):
    """The way to one worker: what it reads, what it says, memory in which batches are handed over, and its end."""

    stdin: IO[bytes]
    stdout: IO[bytes]
    batches: HandingOver

    @property
    def pid(self) -> int: ...

    def kill(self) -> None:
        """End the worker now; harmless when it has ended."""

    def close(self) -> None:
        """Kill, and leave nothing open."""


class SearchWorker:
    """One disposable worker process, for one job: `with SearchWorker() as worker: ... worker.run(job, batches)`.

    Leaving the block, or cancel() from any thread, kills it; what it knew is gone with it. A child of this process by
    default; `link` may lead to one that somebody else started, in a stricter place.
    """

    def __init__(self, link: Link | None = None) -> None:
        self._link = link or ChildLink()
        self._cancelled = threading.Event()
        self._feed_error: Exception | None = None
        _, hello = self._next() or (0, None)
        if not isinstance(hello, Hello):
            self._link.close()
            raise SearchFailed("A search worker did not start.", hint="Look at its messages in the service's log.")
        self.public = hello.public  # raw X25519: have the releases and the probes sealed to this
        self.lacking = hello.lacking  # protections that its machine would not give it, in words

    @property
    def pid(self) -> int:
        return self._link.pid

    def run(self, job: Job, batches: Iterable[Raw]) -> Iterator[Coverage | Progress | BatchFailed | Found]:
        """Search for one case: stream the batches and yield events as they come, Found last.

        Raises SearchFailed, also when cancelled or refused, and whatever `batches` raises.
        """
        for _, event in self.run_together([job], ([(1, raw)] for raw in batches)):
            if isinstance(event, JobRefused):
                raise SearchFailed(f"The worker refused the job: {event.reason}", hint="Ask for a new release.")
            if not isinstance(event, Hello | HandedOff | Taken):
                yield event

    def run_together(self, jobs: list[Job], batches: Iterable[Sequence[Batch]]) -> Iterator[tuple[int, Event]]:
        """The same for several cases: events with the place of the case. JobRefused ends one case, Found another.

        `jobs` are taken out of the list as they are sent: a city's are large. `batches` come some at a time, each with
        the cases in whose scope it lies: bit k is the job at place k; no bytes end those cases, of which nothing
        more is heard.
        """
        # Writing and reading at once: with both ways full, either side would wait for the other for ever.
        expected, heard = len(jobs), 0
        feeder = threading.Thread(target=self._feed, args=(jobs, batches), name="search-feeder", daemon=True)
        feeder.start()
        try:
            while (said := self._next()) is not None:
                if isinstance(said[1], Taken):
                    self._link.batches.taken()
                    continue
                yield said
                heard += isinstance(said[1], Found | JobRefused)
                if heard == expected:
                    if isinstance(said[1], Found):
                        feeder.join()
                    return
        finally:
            self._link.batches.close()  # or the feeder would wait for a worker that takes nothing more
        if self._feed_error is not None:
            raise self._feed_error
        hint = "Start the search again." if self._cancelled.is_set() else "Look at the service's log for the cause."
        raise SearchFailed("The search was stopped before it had an answer.", hint=hint)

    def hand_off(self, sightings: Iterable[str]) -> bytes:
        """After Found: the clothes of these confirmed candidates, sealed to the probe service; empty when none has any.

        Raises SearchFailed.
        """
        with contextlib.suppress(ConnectionError, ValueError):  # the worker has ended, as the next line finds out
            write_frame(self._link.stdin, hand_on_to_bytes(sightings))
        _, event = self._next() or (0, None)
        if isinstance(event, HandedOff):
            return event.sealed
        why = event.reason if isinstance(event, JobRefused) else "it ended without a word"
        raise SearchFailed(f"The worker handed no clothes on: {why}", hint="Start the search again.")

    def cancel(self) -> None:
        """Kill the worker now; harmless when it has ended."""
        self._cancelled.set()
        self._link.kill()

    def __enter__(self) -> SearchWorker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._cancelled.set()
        self._link.close()

    def _feed(self, jobs: list[Job], batches: Iterable[Sequence[Batch]]) -> None:
        stream = self._link.stdin
        try:
            while jobs:
                write_frame(stream, job_to_bytes(jobs.pop(0)))
            write_frame(stream, b"")
            for some in batches:
                self._link.batches.put(stream, some)
            write_frame(stream, b"")
        except (ConnectionError, ValueError):
            return  # the worker has ended; run() tells why
        except Exception as error:  # noqa: BLE001  (whatever the source of batches raised; run() raises it again)
            self._feed_error = error
            self._link.kill()

    def _next(self) -> tuple[int, Event] | None:
        try:
            frame = read_frame(self._link.stdout)
        except (BadInput, ConnectionError):
            return None  # killed in the middle of a word, or of ours
        return None if frame is None else event_from_bytes(frame)


class ChildLink(Connected):
    """A worker as a child of this process."""

    def __init__(self) -> None:
        command = [sys.executable, "-B", "-m", "central.search.worker"]
        ours, theirs = socket.socketpair()
        with theirs:
            # A session of its own: Ctrl-C in the service's terminal is the service's to handle; it kills the worker.
            self.process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=subprocess.PIPE,
                env=_environment(),
                cwd="/",
                start_new_session=True,
            )
        super().__init__(ours)
        self._listener = threading.Thread(target=self._listen, name="search-messages", daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        self.process.kill()

    def close(self) -> None:
        self.kill()
        self.process.wait(_ENDS_WITHIN_S)
        self._listener.join()
        self.hang_up()

    def _listen(self) -> None:
        # The worker may write no file, and the service's own messages often go to one: they are passed on from here.
        assert self.process.stderr  # noqa: S101  (for the type checker)
        with self.process.stderr as messages:
            for line in messages:
                log.warning("worker %d: %s", self.process.pid, line.decode(errors="replace").rstrip())


def _environment() -> dict[str, str]:
    """Nothing of the service's environment, where passwords and addresses may stand."""
    kept = {name: os.environ[name] for name in ("PATH", "LD_LIBRARY_PATH", "LANG") if name in os.environ}
    path = os.pathsep.join(str(Path(part).resolve()) for part in sys.path or [""])
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return kept | one_thread | {"PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}
