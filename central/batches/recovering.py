"""After a database was put back: what archives hold that it does not know, and files that it would forget.

A copy of the database is older than the archives beside it. Batches that came since lie only in files that it has never
heard of, and files that it knows may have been merged into such. `take_back` brings them home, proven like what a box
sends; `enter_strangers` lets retention know every file, so that none outlives its day.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Engine, bindparam, update
from sqlmodel import Session, col, select

from central.batches.archives import ArchivedBatchStore
from central.batches.day_file import DamagedArchive, DayFile, Record
from central.batches.place import ArchiveDown, NoSuchArchive
from central.batches.store import HERE
from central.batches.tables import ArchivedHour, BatchArchive, StoredBatch
from central.database import writing
from central.nodes.keys import NodeKeys
from shared.batches import SealedBatch, prove_batch, read_batch
from shared.errors import CairnError
from shared.releases import MAX_WINDOW

_NAME = re.compile(r"(\d{4}-\d{2}-\d{2})-[0-9a-f]{8}\.arrow(?:\.part)?")


class NotRecovered(CairnError):
    """Files whose batches did not all come back."""


@dataclass(frozen=True, slots=True)
class TakenBack:
    """Of a file's batches: how many could be read, how many of those the database lacked and has now, and how many it
    did not take: unproven, or over. `problem` says why others could not be read, and is empty when all were."""

    archive: str
    batches: int = 0
    taken: int = 0
    refused: int = 0
    problem: str = ""


def enter_strangers(engine: Engine, store: ArchivedBatchStore, now: datetime) -> list[str]:
    """Files of ours that the database does not know go when no key opens them any more; returns the new ones."""
    names = {name.removesuffix(".part"): _day(name) for name in store.place.names()}
    with writing(engine) as session:
        fresh = sorted(name for name, day in names.items() if day and session.get(BatchArchive, name) is None)
        for name in fresh:
            day = names[name] or now.date()
            session.add(BatchArchive(name=name, day=day, made_at=now, delete_after=_goes(day)))
        session.commit()
    return fresh


def strangers(engine: Engine, store: ArchivedBatchStore) -> list[str]:
    """Whole files of ours that the database has never read from."""
    with Session(engine) as session:
        own = set(session.exec(select(BatchArchive.name).where(col(BatchArchive.batches) > 0)))
    return [name for name in store.place.names() if _day(name) and name not in own and not name.endswith(".part")]


def take_all_back(
    engine: Engine, store: ArchivedBatchStore, names: Iterable[str], first_hour: int, now: datetime
) -> Iterator[TakenBack]:
    """File by file; one that cannot be read does not hold up the others."""
    for name in names:
        try:
            yield take_back(engine, store, name, first_hour, now)
        except (ArchiveDown, DamagedArchive, NoSuchArchive) as error:
            yield TakenBack(name, problem=error.message)


def take_back(engine: Engine, store: ArchivedBatchStore, name: str, first_hour: int, now: datetime) -> TakenBack:
    """Bring a file's batches of `first_hour` and later into the database, where it lacks them; a damaged group does not
    hold up the others. Raises DamagedArchive when nothing of it can be read, NoSuchArchive, ArchiveDown."""
    if not (day := _day(name)):
        raise NoSuchArchive(f"{name} is no archive's name", hint="name one that `batches show` lists")
    keys, lost = NodeKeys(engine), _hours_without_file(engine, store)
    taken, problem = Counter[str](), ""
    with closing(DayFile(store.place.open(name), name)) as file:
        for number in range(len(file.groups)):
            try:
                records = file.records(number)
            except DamagedArchive as error:
                problem = error.message
                continue
            kept = [one for one in records if one.hour >= first_hour]
            known = keys.look_up({one.node for one in records}, now)
            proven = [batch for one in kept if (batch := _proven(one, known))]
            answers, fresh = store.put(proven, now)
            taken["unproven"] += len(kept) - len(proven) + sum(error is not None for error in answers)
            taken["over"] += len(records) - len(kept)
            taken["back"] += fresh + _put_back(engine, [one for one in records if one.hour in lost])
            taken["read"] += len(records)
    if not problem and not taken["unproven"]:  # else it stays a stranger, so that it is tried again
        size = store.place.size(name)
        _note(engine, BatchArchive(name=name, day=day, made_at=now, batches=taken["read"], bytes=size))
    return TakenBack(name, taken["read"], taken["back"], taken["unproven"] + taken["over"], problem)


def _note(engine: Engine, all_of_it: BatchArchive) -> None:
    """All that a file holds is in the database now: it is a stranger no more, and goes in its time."""
    with writing(engine) as session:
        row = session.get(BatchArchive, all_of_it.name)
        if row is None:
            all_of_it.delete_after = _goes(all_of_it.day)
            session.add(all_of_it)
        elif not row.batches:
            row.batches, row.bytes = all_of_it.batches, all_of_it.bytes
        session.commit()


def _proven(record: Record, keys: Mapping[str, Ed25519PublicKey]) -> SealedBatch | None:
    """As ingest would: the box is in the register, and has signed it."""
    try:
        batch = read_batch(record.raw)
        prove_batch(batch, keys[batch.header.node])
    except (CairnError, KeyError):
        return None
    return batch


def _put_back(engine: Engine, records: Sequence[Record]) -> int:
    """Batches that are said to lie in a file that is gone: their bytes, if they are the same, lie here again."""
    rows = [
        {"of": one.node, "b": one.boot, "s": one.sequence, "sha256": one.digest, "bytes": one.raw} for one in records
    ]
    back = 0
    with writing(engine) as session:
        for row in rows:
            changed: Any = session.connection().execute(_PUT_BACK, row)
            back += changed.rowcount
        session.commit()
    return back


_PUT_BACK = (
    update(StoredBatch)
    .where(
        col(StoredBatch.node) == bindparam("of"),
        col(StoredBatch.boot) == bindparam("b"),
        col(StoredBatch.sequence) == bindparam("s"),
        col(StoredBatch.digest) == bindparam("sha256"),
        ~HERE,
    )
    .values(raw=bindparam("bytes"), archived_bytes=0, digest=None)
)


def _hours_without_file(engine: Engine, store: ArchivedBatchStore) -> set[int]:
    there = set(store.place.names())
    with Session(engine) as session:
        return {row.hour for row in session.exec(select(ArchivedHour)) if row.archive not in there}


def _goes(day: date) -> datetime:
    """When no key opens a day's batches any more."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1) + MAX_WINDOW


def _day(name: str) -> date | None:
    """Of a file that this software may have written."""
    found = _NAME.fullmatch(name)
    try:
        return date.fromisoformat(found[1]) if found else None
    except ValueError:
        return None
