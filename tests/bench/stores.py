"""Reading a fortnight of sealed batches for a search: from the database, from day archives, and the bare bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from time import process_time
from unittest.mock import patch

import numpy as np

from central.batches.archives import ArchivedBatchStore
from central.batches.compaction import Compaction
from central.batches.place import Place
from central.batches.store import SqlBatchStore
from central.database import open_database
from shared.batches import SCHEMA_VERSION, Header, SealedBatch
from shared.clock import FixedClock
from shared.epochs import Epoch
from tests.bench.rows import NOISE, Row, Say

CELLS, DAYS, EACH, BATCH_BYTES, ROUNDS = 6, 14, 3, 48_000, 5  # of each cell-hour three batches, as in the whole city
FIRST = Epoch("cell-0", 498_672).hour
NAMES = tuple(f"cell-{n}" for n in range(CELLS))
HOURS = range(FIRST, FIRST + DAYS * 24)
NOW = Epoch("cell-0", HOURS.stop).start + timedelta(days=2)
Run = Callable[[], int]


def measure(say: Say) -> list[Row]:
    with tempfile.TemporaryDirectory(prefix="cairn-stores-") as folder:
        engine = open_database(f"sqlite:///{folder}/centre.db")
        in_sql, archived = SqlBatchStore(engine), ArchivedBatchStore(engine, Place(f"file://{folder}/archives"))
        say(f"storing {CELLS * DAYS * 24 * EACH:,} batches of {BATCH_BYTES:,} bytes")
        for hour in HOURS:
            in_sql.add(list(_batches(hour)), NOW)
        say("reading them from the database")
        sql = _each(lambda: _read(in_sql, NAMES, HOURS))
        with patch("central.batches.store._MAPPED_BYTES", 0):  # as all of a file is read that lies beyond 2 GB
            unmapped = _each(lambda: _read(in_sql, NAMES, HOURS))
        say("moving them to archives")
        begun = process_time()
        moved = sum(one.moved for one in Compaction(engine, archived, FixedClock(NOW)).run())
        moving = (process_time() - begun) / moved
        files = sorted(Path(folder, "archives").iterdir())
        say("reading them from there")
        ours = _each(lambda: _read(archived, NAMES, HOURS))
        bare = _each(lambda: sum(map(_bare, files)))
        narrow = _each(lambda: _read(archived, NAMES[:1], range(HOURS.start + 30, HOURS.start + 33)))
        engine.dispose()
        return _rows(
            {"archive": ours, "database": sql, "database, not mapped": unmapped, "bare read": bare}, moving, narrow
        )


def _rows(seconds: Mapping[str, float], moving: float, narrow: float) -> list[Row]:
    batches = CELLS * DAYS * 24 * EACH
    each = {name: one / batches * 1e6 for name, one in seconds.items()}
    what = f"processor time for a batch of {BATCH_BYTES // 1000} kB from page cache to memory, as a search reads them"
    return [
        Row("store.archive_us_a_batch", each.pop("archive"), "µs", f"{what}. {NOISE}", peers=each),
        Row(
            "store.vs_database", seconds["database"] / seconds["archive"], "×",
            f"the database's (SQLite, mapped) over the archives'; {what}",
        ),
        Row(
            "store.share_of_bare_read", seconds["archive"] / seconds["bare read"], "×",
            f"over reading the archives' files once; {what}",
        ),
        Row("store.compact_us_a_batch", moving * 1e6, "µs", "processor time to move one: write, prove, change over"),
        Row("store.narrow_ms", narrow * 1e3, "ms", f"three hours of one cell of {CELLS}, {DAYS} days archived"),
    ]  # fmt: skip


def _each(run: Run) -> float:
    """Least processor time of some rounds, in seconds."""
    took = []
    for _ in range(ROUNDS):
        begun = process_time()
        assert run()
        took.append(process_time() - begun)
    return min(took)


def _read(store: SqlBatchStore, cells: Sequence[str], hours: range) -> int:
    """Into one memory, as a search hands batches to its worker."""
    count, slot = 0, bytearray(BATCH_BYTES)
    for some in store.stream(cells, hours):
        for _, _, raw in some:
            slot[:] = raw
        count += len(some)
    assert count == len(cells) * len(hours) * EACH
    return count


def _bare(path: Path) -> int:
    buffer, size = bytearray(1 << 20), 0
    with path.open("rb", buffering=0) as file:
        while some := file.readinto(buffer):
            size += some
    return size


def _batches(hour: int) -> Iterator[SealedBatch]:
    """Their content is noise, as sealed content is to whoever has no key."""
    noise = np.random.default_rng(hour)
    for cell in NAMES:
        for part in range(EACH):
            sequence = (hour - FIRST) * EACH + part
            header = Header(SCHEMA_VERSION, f"node-{cell}", 1, sequence, 1, cell, hour, 0, {}, 200, (0, 0, 200, 0))
            yield SealedBatch(header, noise.bytes(BATCH_BYTES), 0)
