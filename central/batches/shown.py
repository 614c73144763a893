"""Day by day: how many batches lie in the database and how many in which archive, and whether those are whole."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Engine, case
from sqlmodel import Session, col, func, select

from central.batches.archives import ArchivedBatchStore
from central.batches.day_file import DayFile
from central.batches.place import Place
from central.batches.recovering import strangers
from central.batches.store import HERE
from central.batches.tables import BatchArchive, StoredBatch
from shared.epochs import HOUR_S
from shared.errors import CairnError

_DAY_S = 24 * HOUR_S


def days(
    engine: Engine, store: ArchivedBatchStore, say: Callable[[str], None] | None = None
) -> Iterator[dict[str, Any]]:
    """A row a day, and one for each file that nothing here knows. With `say`, which hears of progress, every file in
    use is read as a whole; else only whether it is there. Raises ArchiveDown."""
    here, archived = _counts(engine)
    files: dict[date, list[BatchArchive]] = defaultdict(list)
    with Session(engine) as session:
        for row in session.exec(select(BatchArchive).order_by(col(BatchArchive.made_at))):
            files[row.day].append(row)
    place, there = store.place, set(store.place.names())
    for day in sorted({*here, *archived, *files}):
        used = [row for row in files[day] if row.delete_after is None]
        old = [row for row in files[day] if row.delete_after is not None and row.batches]
        yield {
            "day": day.isoformat(),
            "in_database": here[day],
            "archived": archived[day],
            "bytes": sum(row.bytes for row in used),
            "archives": [row.name for row in used],
            "state": "; ".join(_state(row.name, place, there, say) for row in used) or "not archived",
            "to_be_deleted": [row.name for row in old if row.name in there],
        }
    for name in strangers(engine, store):
        yield {
            "day": name[:10], "in_database": 0, "archived": 0, "bytes": 0, "archives": [name],
            "state": "unknown to this database: batches recover", "to_be_deleted": [],
        }  # fmt: skip


def _counts(engine: Engine) -> tuple[Counter[date], Counter[date]]:
    here, archived = Counter[date](), Counter[date]()
    lying = func.sum(case((HERE, 1), else_=0))
    with Session(engine) as session:
        for hour, count, of in session.exec(
            select(StoredBatch.hour, lying, func.count()).group_by(col(StoredBatch.hour))
        ):
            day = datetime.fromtimestamp(hour * HOUR_S // _DAY_S * _DAY_S, UTC).date()
            here[day] += count
            archived[day] += of - count
    return here, archived


def _state(name: str, place: Place, there: set[str], say: Callable[[str], None] | None) -> str:
    if name not in there:
        return f"missing: put {name} back from a copy"
    if say is None:
        return "there"
    say(f"reading {name}")
    try:
        return f"whole, {_read(name, place)} batches"
    except CairnError as error:
        return f"{error.message}: put it back from a copy"


def _read(name: str, place: Place) -> int:
    file = DayFile(place.open(name), name)
    try:
        return sum(len(file.records(number)) for number in range(len(file.groups)))
    finally:
        file.close()
