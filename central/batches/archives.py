"""Batches in the database and in archives, read as one: a BatchStore.

The database says in which file an hour's archived batches are read, and is read as it was at one moment; so no batch is
given twice or left out while hours move. A batch whose file is damaged or missing is given as one that cannot be read:
the search counts it as failed and goes on. While the place of the archives does not answer, reading raises ArchiveDown.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from itertools import chain, groupby, islice, pairwise
from operator import itemgetter

from sqlalchemy import Connection, Engine, delete
from sqlmodel import col

from central.batches.day_file import DamagedArchive, DayFile
from central.batches.lost import lost
from central.batches.place import NoSuchArchive, Place
from central.batches.store import (
    READ_AT_ONCE,
    Lying,
    Note,
    SqlBatchStore,
    archived_in,
    archived_of,
    cells_here,
    here,
    snapshot,
)
from central.batches.tables import BatchArchive
from central.database import writing

log = logging.getLogger(__name__)

_LOOKS = 3


class ArchivedBatchStore(SqlBatchStore):
    """Both in one. Adding, counting and dropping need only the database, which keeps every batch's header."""

    def __init__(self, engine: Engine, place: Place) -> None:
        super().__init__(engine)
        self.place = place

    def stream(self, cells: Sequence[str], hours: range) -> Iterator[Sequence[Lying]]:
        with self._opened(hours) as (connection, archived):
            if not archived:
                yield from here(connection, cells, hours)
                return
            moving = cells_here(connection, cells, hours)
            for cell in sorted(set(cells)):
                lying = iter(_of_cell(connection, archived, cell, hours, cell in moving))
                while some := list(islice(lying, READ_AT_ONCE)):
                    yield some

    def delete_archive(self, name: str, now: datetime, note: Note | None = None) -> bool:
        with writing(self._engine) as session:
            row = session.get(BatchArchive, name)
            if row is None or row.delete_after is None or row.delete_after > now:
                return False
            count = row.batches
        self.place.delete(name)
        with writing(self._engine) as session:
            session.execute(delete(BatchArchive).where(col(BatchArchive.name) == name))
            if note:
                note(session, count)
            session.commit()
        return True

    @contextmanager
    def _opened(self, hours: range) -> Iterator[tuple[Connection, Archived]]:
        """The database at one moment, and each of its archives opened. A file that was merged into another and deleted
        between the look and the opening is no damage: look again."""
        for look in range(1, _LOOKS + 1):
            with ExitStack() as stack:
                connection = stack.enter_context(snapshot(self._engine))
                of = archived_in(connection, hours)
                files = []
                for name, hours_of in _by_name(of).items():
                    files.append(_Archive(self.place, name, frozenset(hours_of)))
                    stack.callback(files[-1].close)
                if any(one.missing for one in files) and look < _LOOKS:
                    continue
                yield connection, sorted(files, key=lambda one: min(one.hours))
                return


class _Archive:
    """One file and the hours that are read in it. Raises ArchiveDown: a place that does not answer just now has lost
    nothing, and the search waits for it."""

    def __init__(self, place: Place, name: str, hours: frozenset[int]) -> None:
        self.hours, self.missing = hours, False
        self._file: DayFile | None = None
        self._why = ""
        try:
            self._file = DayFile(place.open(name), name)
        except (NoSuchArchive, DamagedArchive) as error:
            self._why, self.missing = error.message, isinstance(error, NoSuchArchive)
            log.error("batches cannot be read: %s", error)

    def close(self) -> None:
        if self._file:
            self._file.close()

    def of_cell(self, connection: Connection, cell: str, hours: range) -> Iterator[Lying]:
        if self._file is None:
            counts = archived_of(connection, cell, hours)
            yield from _lost(cell, ((hour, counts.get(hour, 0)) for hour in sorted(self.hours)), self._why)
            return
        for number in self._file.numbers(cell, hours):
            try:
                yield from self._file.lying(number, lambda hour: hour in self.hours and hour in hours)
            except DamagedArchive as error:
                log.error("batches cannot be read: %s", error)
                counts_of = self._file.groups[number].hours
                read = ((hour, count) for hour, count in counts_of if hour in self.hours and hour in hours)
                yield from _lost(cell, read, error.message)


Archived = Sequence[_Archive]


def _of_cell(connection: Connection, archived: Archived, cell: str, hours: range, moving: bool) -> Iterator[Lying]:
    """A cell's batches, hours in order."""
    files = [one.of_cell(connection, cell, hours) for one in archived]
    # Merging looks at the first of each: files of days that follow each other are read one after the other instead.
    apart = all(max(one.hours) < min(other.hours) for one, other in pairwise(archived))
    lying = chain.from_iterable(files) if apart else heapq.merge(*files, key=itemgetter(1))
    if not moving:
        return lying
    moved = (one for some in here(connection, [cell], hours) for one in some)
    return heapq.merge(lying, moved, key=itemgetter(1))


def _lost(cell: str, hours: Iterator[tuple[int, int]], why: str) -> Iterator[Lying]:
    return ((cell, hour, lost(why)) for hour, count in hours for _ in range(count))


def _by_name(of: Mapping[int, str]) -> dict[str, list[int]]:
    by_name = sorted((name, hour) for hour, name in of.items())
    return {name: [hour for _, hour in some] for name, some in groupby(by_name, key=itemgetter(0))}
