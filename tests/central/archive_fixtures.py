"""A store with archives, small batches for it, and what must be read of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path

from central.batches.archives import ArchivedBatchStore
from central.batches.compaction import Compaction
from central.batches.place import Place
from central.batches.store import Key, Lying
from central.database import open_database
from shared.batches import read_batch, seal_batch
from shared.clock import FixedClock
from shared.epochs import Epoch
from tests.postgres import database_in
from tests.shared.test_batches import EPOCH, KEYS, header, sighting

FIRST = EPOCH.hour // 24 * 24  # the first hour of a day
CELLS = ("cell-1", "cell-10", "cell-2", "cell1")
AFTER = Epoch("cell-1", FIRST).start + timedelta(days=5)


Read = tuple[str, int, bytes]


class Archived:
    """A store in a folder, and everything that was added to it."""

    def __init__(self, folder: Path, url: str = "") -> None:
        self.folder = folder / "archives"
        self.engine = open_database(database_in(folder))
        self.store = ArchivedBatchStore(self.engine, Place(url or f"file://{self.folder}"))
        self.added: dict[Key, Read] = {}
        self.sent = 0  # a box never uses a number again, whatever became of the batch

    def add(self, *epochs: tuple[str, int], boot: int = 1) -> None:
        """One batch for each cell and hour of day (0 and on, from FIRST)."""
        raws = []
        for cell, hour in epochs:
            number, self.sent = self.sent, self.sent + 1
            raw = batch(cell, FIRST + hour, number, boot)
            self.added["node-1", boot, number] = cell, FIRST + hour, raw
            raws.append(raw)
        assert self.store.add([read_batch(raw) for raw in raws], AFTER) == [None] * len(raws)

    def fill(self, cells: Sequence[str] = CELLS, hours: Iterable[int] = range(0, 48, 3), each: int = 2) -> None:
        self.add(*((cell, hour) for hour in hours for cell in cells for _ in range(each)))

    def compact(self, *, all_late: bool = True) -> int:
        """How many batches moved."""
        return sum(one.moved for one in Compaction(self.engine, self.store, FixedClock(AFTER)).run(all_late=all_late))

    def read(self, cells: Sequence[str] = CELLS, hours: range = range(96)) -> list[Read]:
        first = FIRST + hours.start
        read = self.store.stream(cells, range(first, FIRST + hours.stop))
        return [one for some in read for one in kept(some)]

    def expected(self, cells: Sequence[str] = CELLS, hours: range = range(96)) -> list[Read]:
        """What was added of these, in no order that matters."""
        return sorted(one for one in self.added.values() if one[0] in cells and one[1] - FIRST in hours)

    def files(self) -> list[Path]:
        return sorted(self.folder.iterdir()) if self.folder.exists() else []


def kept(some: Iterable[Lying]) -> list[Read]:
    """In memory of their own, and comparable."""
    return [(cell, hour, bytes(raw)) for cell, hour, raw in some]


def batch(cell: str, hour: int, number: int, boot: int = 1) -> bytes:
    start = Epoch(cell, hour).start
    seen = sighting(1, start=start, end=start)
    return seal_batch(header(cell=cell, hour=hour, sequence=number, boot=boot), [seen], [], KEYS, number)
