"""Where shards are searched: one protocol, behind which workers are on this machine or on several.

An engine starts a disposable worker near the batches, and feeds it from the store there; what the offices give is
sealed to that worker, so whoever carries it learns nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.exc import SQLAlchemyError

from central.batches.store import Lying
from central.search.frames import Batch
from central.search.job import Event, Job
from shared.errors import Refused

log = logging.getLogger(__name__)

Wanted = Callable[[int], bool]


class StoreFailed(Refused):
    """The store of batches could not be read to its end: a full or broken disk, or a database that went away."""


class Streams(Protocol):
    """As much of a store of batches as a search reads."""

    def stream(self, cells: Sequence[str], hours: range) -> Iterator[Sequence[Lying]]: ...


@dataclass(frozen=True, slots=True)
class Batches:
    """Which batches a worker reads, and in which of its cells and hours each case is searched, by its place."""

    cells: tuple[str, ...]
    hours: range
    cases: tuple[tuple[tuple[str, ...], range], ...]


class ShardWorker(Protocol):
    """One disposable worker, for one shard."""

    public: bytes
    lacking: tuple[str, ...]

    def search(self, jobs: list[Job], batches: Batches, wanted: Wanted) -> Iterator[tuple[int, Event]]:
        """Events with the place of the case, as SearchWorker.run_together has them; cases that are no longer `wanted`
        are left out. Raises SearchFailed when the worker is gone, and StoreFailed."""

    def cancel(self) -> None:
        """Kill the worker now, from any thread; harmless when it has ended."""


class Engine(Protocol):
    """Starts workers. Thread-safe. `ahead` says whether one may start while the place's last one still searches."""

    ahead: bool

    @property
    def workers(self) -> int:
        """How many search at the same time, one a core."""

    def started(self, place: int) -> AbstractContextManager[ShardWorker]:
        """A fresh worker, which ends with the block. Neighbouring places (0 to workers) are on the same machine."""


def frames(store: Streams, batches: Batches, wanted: Wanted) -> Iterator[Sequence[Batch]]:
    """The store's batches, each with the cases in whose scope it lies; cases that have ended are named once.

    Nothing is read on when all have ended: the rest of a city's store may be minutes of reading for nobody.
    """
    scopes = [(1 << at, frozenset(cells), hours) for at, (cells, hours) in enumerate(batches.cases)]
    here, cases, over, everyone = ("", -1), 0, 0, (1 << len(scopes)) - 1
    for some in _stream(store, batches):
        ended = sum(bit for at, (bit, _, _) in enumerate(scopes) if not wanted(at)) & ~over
        named: list[Batch] = [(ended, b"")] if ended else []
        over |= ended
        for cell, hour, raw in some:
            if here != (cell, hour):
                here = cell, hour
                cases = sum(bit for bit, cells, hours in scopes if hour in hours and cell in cells)
            if cases & ~over:
                named.append((cases & ~over, raw))
        if named:
            yield named
        if over == everyone:
            return


def _stream(store: Streams, batches: Batches) -> Iterator[Sequence[Lying]]:
    try:
        yield from store.stream(batches.cells, batches.hours)
    except (OSError, SQLAlchemyError) as error:
        log.exception("the store of batches failed in the middle of a search")
        hint = "look at its disk and its database, in the service's log, and search again"
        raise StoreFailed("The sealed batches could not be read to the end.", hint=hint) from error
