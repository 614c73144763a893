"""A machine's side of a search on Ray: it starts a confined worker, as the centre does, and feeds it from the store.

This runs in a process of Ray's, and whatever that gives or takes may lie in Ray's object store for a while, on disk if
memory is short. So both directions are sealed: to a key that this process draws, and to one that the centre draws for
the shard. Shares and probes inside are sealed once more, to the worker.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from importlib.metadata import version
from time import monotonic
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from central.batches.opening import batch_store
from central.database import connect, load_tables
from central.search.dispatch import SearchFailed, SearchWorker
from central.search.engine import Batches, StoreFailed, frames
from central.search.job import Event, Job, Progress, event_to_bytes, job_from_bytes, job_to_bytes
from shared.errors import BadInput, CairnError
from shared.keys import open_sealed, seal_to, sealing_public
from shared.wire import pack, unpack

log = logging.getLogger(__name__)

TO_MACHINE, TO_CENTRE = b"cairn/ray/to-machine", b"cairn/ray/to-centre"
VERSION = version("cairn-central")
_TELL_EVERY_S = 0.1


class Machine:
    """One shard's search. Ray calls `hello` and `search` once each, and kills the process at the end.

    The worker reads a connection of this process, so it ends with it, however that ends.
    """

    def __init__(self) -> None:
        self._private = X25519PrivateKey.generate()
        self._worker = SearchWorker()
        self._ended: set[int] = set()

    def hello(self) -> bytes:
        """Version, this process's public key, the worker's public key and what it lacks, and both processes' ids."""
        public = self._private.public_key().public_bytes_raw()
        worker = self._worker
        return pack([VERSION, public, worker.public, list(worker.lacking), [os.getpid(), worker.pid]])

    def ended(self, place: int) -> None:
        """Nobody waits for the case at this place any more."""
        self._ended.add(place)

    def search(self, sealed: bytes) -> Iterator[bytes]:
        """Events, some at a time, each lot sealed to the key that the request names. What fails is said in the last."""
        request = unpack(open_sealed(self._private, TO_MACHINE, sealed), BadInput, "a shard's request")
        centre = sealing_public(request["centre"])
        waiting: list[bytes] = []
        told = monotonic()
        try:
            for at, event in self._events(request):
                waiting.append(event_to_bytes(event, at))
                if not isinstance(event, Progress) or monotonic() - told > _TELL_EVERY_S:
                    yield seal_to(centre, TO_CENTRE, pack({"events": waiting}))
                    waiting, told = [], monotonic()
        except Exception as error:  # noqa: BLE001  (Ray would carry it with all that it holds, in the open)
            yield seal_to(centre, TO_CENTRE, pack({"events": waiting, "failed": _words(error)}))

    def _events(self, request: dict[str, Any]) -> Iterator[tuple[int, Event]]:
        load_tables()
        engine = connect(request["database"])
        try:
            store, jobs = batch_store(engine, request["archive"]), request.pop("jobs")
            streamed = frames(store, batches_from(request), lambda at: at not in self._ended)
            yield from self._worker.run_together([job_from_bytes(raw) for raw in jobs], streamed)
        finally:
            engine.dispose()


def request_to_bytes(jobs: list[Job], batches: Batches, store: tuple[str, str], centre: bytes) -> bytes:
    """What a machine is asked, before it is sealed: `store` is the addresses of the database and of the archives, and
    `centre` the public key for the answer. `jobs` are taken out of the list: a city's are large."""
    cases = [[list(cells), hours.start, hours.stop] for cells, hours in batches.cases]
    raws = []
    while jobs:
        raws.append(job_to_bytes(jobs.pop(0)))
    asked = {"cells": list(batches.cells), "hours": [batches.hours.start, batches.hours.stop], "cases": cases}
    return pack(asked | {"jobs": raws, "database": store[0], "archive": store[1], "centre": centre})


def batches_from(request: dict[str, Any]) -> Batches:
    cases = tuple((tuple(cells), range(start, stop)) for cells, start, stop in request["cases"])
    return Batches(tuple(request["cells"]), range(*request["hours"]), cases)


def _words(error: Exception) -> list[str]:
    """Kind, message and hint of what the project refuses; of anything else only that it was."""
    if isinstance(error, CairnError):
        return [type(error).__name__, error.message, error.hint]
    log.exception("a search failed on this machine")
    return [
        SearchFailed.__name__,
        "A machine's search failed.",
        f"Look at Ray's logs there for {type(error).__name__}.",
    ]


def failure(words: list[str]) -> CairnError:
    """The same on the centre's side: a store that cannot be read is told as such, all else as a failed search."""
    kind, message, hint = words
    return StoreFailed(message, hint=hint) if kind == StoreFailed.__name__ else SearchFailed(message, hint=hint)
