"""Move the batches of closed days from the database to archives, hour by hour once a day's file is proven.

A day's file is entered in the database, written, read back, and only then do its hours change over: each in one
transaction, which takes the bytes out of the database and names the file in their place. Killed at any point, every
batch is read in exactly one place; a file that never came into use is deleted by retention.

Late batches stay in the database beside the archive until they are worth a new file, which takes in the old one's.
"""

from __future__ import annotations

import logging
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import groupby
from operator import attrgetter

from sqlalchemy import Engine, bindparam, case, delete, update
from sqlalchemy import select as sql_select
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, func, select

from central.batches.archives import ArchivedBatchStore
from central.batches.day_file import GROUP_BATCHES, GROUP_BYTES, DamagedArchive, DayFile, Group, Record, write
from central.batches.place import NoSuchArchive
from central.batches.store import HERE, archived_in, retire, snapshot
from central.batches.tables import ArchivedHour, BatchArchive, StoredBatch
from central.database import writing
from shared.clock import Clock
from shared.epochs import HOUR_S
from shared.errors import CairnError, TransportDown

log = logging.getLogger(__name__)

MARGIN = timedelta(hours=6)  # after a day's end, for boxes that were out of reach for a moment
LATE_SHARE = 0.05  # of a day's archived batches: fewer are not worth writing the whole day again
OLD_FILES_LAST = timedelta(hours=1)  # for searches that are reading them
_ABANDONED_AFTER = timedelta(days=1)
_DAY_H = 24
_COPIED = [name for name in Record._fields if name not in ("digest", "raw")]

Tell = Callable[[date, int, int], None]


class CannotMove(TransportDown):
    """The database is full, locked or away."""


class NotArchived(CairnError):
    """Days whose archive is damaged or missing keep their late batches in the database."""


class HourGone(CairnError):
    """Retention dropped batches of a day while its file was written."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """A day's new file: how many batches it holds, and how many of them were moved there from the database."""

    day: date
    archive: str
    moved: int
    batches: int
    bytes: int


@dataclass(frozen=True, slots=True)
class _Row:
    """A batch of the day; `archive` is the file that it is in, empty while it lies in the database; `old` is the file
    in which the rest of its hour lies."""

    cell: str
    hour: int
    node: str
    boot: int
    sequence: int
    id: int
    size: int
    digest: bytes | None
    archive: str
    old: str

    @property
    def key(self) -> tuple[str, int, int]:
        return self.node, self.boot, self.sequence


_Planned = Sequence[tuple[Group, Sequence[_Row]]]


class Compaction:
    """Compacts one store. Two at once do no harm: the second finds that its batches have moved, and its file goes.

    `failed` says of which days a file is damaged or missing, and how; `tell` hears of each group, and what it raises
    ends the run.
    """

    def __init__(self, engine: Engine, store: ArchivedBatchStore, clock: Clock, tell: Tell | None = None) -> None:
        self._engine, self._store, self._clock = engine, store, clock
        self._tell = tell or (lambda *_: None)
        self.failed: dict[date, CairnError] = {}

    def run(self, *, all_late: bool = False, first_hour: int = 0) -> Iterator[Compacted]:
        """Every closed day that is worth it, oldest first, without the hours before `first_hour`, which have to go.
        Raises ArchiveDown and CannotMove; whatever was not moved is still where it was."""
        for day in self.days(self._clock.now(), all_late=all_late, first_hour=first_hour):
            try:
                if done := self._compact(day, first_hour):
                    yield done
            except SQLAlchemyError as error:
                hint = "look at its disk and at who holds it; everything is still read where it was"
                raise CannotMove(f"the database took no change for {day} ({type(error).__name__})", hint=hint) from None
            except HourGone as error:
                log.info("%s is archived in the next round: %s", day, error)
            except (DamagedArchive, NoSuchArchive) as error:  # late batches stay in the database, where they are read
                self.failed[day] = error
                log.error("%s is not archived anew: %s", day, error)

    def days(self, now: datetime, *, all_late: bool = False, first_hour: int = 0) -> list[date]:
        """The closed days of which enough lies in the database."""
        closed = int((now - MARGIN).timestamp()) // HOUR_S // _DAY_H * _DAY_H
        here = func.sum(case((HERE, 1), else_=0))
        within = (StoredBatch.hour >= first_hour, StoredBatch.hour < closed)
        what = select(StoredBatch.hour, here, func.count()).where(*within)
        waiting, archived = Counter[int](), Counter[int]()
        with Session(self._engine) as session:
            for hour, lying, count in session.exec(what.group_by(col(StoredBatch.hour))):
                waiting[hour // _DAY_H] += lying
                archived[hour // _DAY_H] += count - lying
        worth = [at for at, count in waiting.items() if count and (all_late or count >= LATE_SHARE * archived[at])]
        return [datetime.fromtimestamp(at * _DAY_H * HOUR_S, UTC).date() for at in sorted(worth)]

    def _compact(self, day: date, first_hour: int) -> Compacted | None:
        rows = self._rows(day, first_hour)
        if all(row.archive for row in rows):  # another compaction was here, or retention
            return None
        name, groups = f"{day.isoformat()}-{secrets.token_hex(4)}.arrow", _planned(rows)
        self._enter(name, day)
        try:
            with self._store.place.writing(name) as file:
                write(file, name, [group for group, _ in groups], self._records(day, groups))
            digests = self._proven(day, name, groups)
            size = self._store.place.size(name)
            self._complete(name, len(rows), size)
            by_hour = groupby(sorted(rows, key=attrgetter("hour")), attrgetter("hour"))
            moved = sum(self._change_over(hour, name, list(some), digests) for hour, some in by_hour)
        except BaseException:
            with suppress(Exception):  # what failed is told; what is left is deleted by retention
                self._abandon(name)
            raise
        if not moved:
            self._abandon(name)
            return None
        return Compacted(day, name, moved, len(rows), size)

    def _rows(self, day: date, first_hour: int) -> list[_Row]:
        begin = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) // HOUR_S
        hours = range(max(begin, first_hour), begin + _DAY_H)
        what = _WHERE_IT_LIES.where(col(StoredBatch.hour) >= hours.start, col(StoredBatch.hour) < hours.stop)
        with snapshot(self._engine) as connection:
            of = archived_in(connection, hours)
            found = [
                _Row(*(*key, number, archived or size, digest, of[key[1]] if archived else "", of.get(key[1], "")))
                for *key, number, size, archived, digest in connection.execute(what)
            ]
        return sorted(found, key=attrgetter("cell", "hour", "node", "boot", "sequence"))

    def _enter(self, name: str, day: date) -> None:
        now = self._clock.now()
        with writing(self._engine) as session:
            session.add(BatchArchive(name=name, day=day, made_at=now, delete_after=now + _ABANDONED_AFTER))
            session.commit()

    def _complete(self, name: str, batches: int, size: int) -> None:
        with writing(self._engine) as session:
            row = session.get_one(BatchArchive, name)
            row.batches, row.bytes = batches, size
            session.commit()

    def _abandon(self, name: str) -> None:
        """Unless an hour is read in it already; nobody but this run can make it so, and no lock is held meanwhile."""
        with writing(self._engine) as session:
            if session.exec(select(ArchivedHour).where(ArchivedHour.archive == name).limit(1)).first() is not None:
                return
        self._store.place.delete(name)
        with writing(self._engine) as session:
            session.execute(delete(BatchArchive).where(col(BatchArchive.name) == name))
            session.commit()

    def _records(self, day: date, groups: _Planned) -> Iterator[list[Record]]:
        done, count = 0, sum(len(rows) for _, rows in groups)
        with closing(_OldFiles(self._store)) as old:
            for _, rows in groups:
                wanted = [row.id for row in rows if not row.archive]
                fresh = self._fresh(wanted)
                if len(fresh) < len(wanted):
                    raise HourGone(f"batches of {day} were dropped meanwhile", hint="the next round takes the others")
                yield [old.record(row) if row.archive else fresh[row.id] for row in rows]
                done += len(rows)
                self._tell(day, done, count)

    def _fresh(self, ids: list[int]) -> dict[int, Record]:
        columns = [col(getattr(StoredBatch, name)) for name in ("id", *_COPIED, "raw")]
        with self._engine.connect() as connection:
            if self._engine.dialect.name == "sqlite":  # a day that is mapped would count as this process's memory
                connection.exec_driver_sql("PRAGMA mmap_size=0")
            rows = connection.execute(sql_select(*columns).where(col(StoredBatch.id).in_(ids)))
            return {one: Record._make((*headers, sha256(raw).digest(), raw)) for one, *headers, raw in rows}

    def _proven(self, day: date, name: str, groups: _Planned) -> dict[int, bytes]:
        """Each batch's digest, after the whole file was read back from its place. Raises DamagedArchive."""
        rows, read = [row for _, some in groups for row in some], []
        with closing(DayFile(self._store.place.open(name), name)) as file:
            for number in range(len(file.groups)):
                read += [(one[:5], one.digest) for one in file.records(number)]
                self._tell(day, len(rows), len(rows))  # all is written; whoever stops need not wait for the proof
        if [key for key, _ in read] != [(row.cell, row.hour, *row.key) for row in rows]:
            raise DamagedArchive(f"{name} does not hold what was written", hint="look at the disk; nothing was moved")
        return {row.id: digest for row, (_, digest) in zip(rows, read, strict=True)}

    def _change_over(self, hour: int, name: str, rows: Sequence[_Row], digests: Mapping[int, bytes]) -> int:
        """Let an hour be read in the new file, unless it has changed since it was looked at; how many have moved."""
        old = rows[0].old
        moved = [{"row": row.id, "size": row.size, "sha256": digests[row.id]} for row in rows if not row.archive]
        with writing(self._engine) as session:
            if moved:
                session.connection().execute(_MOVE, moved)
            archived = select(func.count()).where(StoredBatch.hour == hour, ~HERE)
            current = session.get(ArchivedHour, hour)
            in_use = session.get(BatchArchive, name)
            if (
                in_use is None
                or (current.archive if current else "") != old
                or session.exec(archived).one() != len(rows)
            ):
                session.rollback()
                return 0
            in_use.delete_after = None
            session.merge(ArchivedHour(hour=hour, archive=name))
            session.flush()
            if old:
                retire(session, old, self._clock.now() + OLD_FILES_LAST)
            session.commit()
        return len(moved)


# The length of a blob is known without reading it.
_WHERE_IT_LIES = sql_select(
    *map(col, (StoredBatch.cell, StoredBatch.hour, StoredBatch.node, StoredBatch.boot, StoredBatch.sequence)),
    col(StoredBatch.id), func.length(StoredBatch.raw), col(StoredBatch.archived_bytes), col(StoredBatch.digest),
)  # fmt: skip
_MOVE = (
    update(StoredBatch)
    .where(col(StoredBatch.id) == bindparam("row"), HERE)
    .values(raw=b"", archived_bytes=bindparam("size"), digest=bindparam("sha256"))
)


class _OldFiles:
    """What a day's earlier file holds, group by group as the new one is written: both are in one order."""

    def __init__(self, store: ArchivedBatchStore) -> None:
        self._store = store
        self._files: dict[str, DayFile] = {}
        self._read: dict[str, tuple[int, dict[tuple[str, int, int], Record]]] = {}

    def record(self, row: _Row) -> Record:
        """Raises NoSuchArchive, and DamagedArchive also for a batch that is not the one that the database knows."""
        if row.archive not in self._files:
            self._files[row.archive] = DayFile(self._store.place.open(row.archive), row.archive)
        file = self._files[row.archive]
        for number in file.numbers(row.cell, range(row.hour, row.hour + 1)):
            if self._read.get(row.archive, (-1,))[0] != number:
                self._read[row.archive] = number, {one[2:5]: one for one in file.records(number)}
            found = self._read[row.archive][1].get(row.key)
            if found and found.digest == row.digest:
                return found
        raise DamagedArchive(f"{row.archive} lacks a batch of {row.cell}", hint="put it back from a copy")

    def close(self) -> None:
        for file in self._files.values():
            file.close()


def _planned(rows: Sequence[_Row]) -> list[tuple[Group, list[_Row]]]:
    """Sorted rows in groups of one cell each, none larger than it may be."""
    groups: list[list[_Row]] = []
    size = 0
    for row in rows:
        full = size + row.size > GROUP_BYTES or (groups and len(groups[-1]) == GROUP_BATCHES)
        if not groups or groups[-1][0].cell != row.cell or full:
            groups.append([])
            size = 0
        groups[-1].append(row)
        size += row.size
    return [(Group(some[0].cell, tuple(Counter(row.hour for row in some).items())), some) for some in groups]
