"""Archived batches are read where they lie, and what was read no longer counts as the reader's memory."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import numpy as np

from central.batches.day_file import DayFile, Group, Record, write
from central.batches.place import Place

NAME, HOUR, GROUPS, EACH, BATCH_BYTES = "day.arrow", 480_000, 6, 4, 250_000


def test_batches_stay_readable_and_their_pages_are_let_go(tmp_path: Path) -> None:
    """Whoever still holds a batch of a group that was let go reads the same bytes, also when the file is closed."""
    cells = [f"cell-{number}" for number in range(GROUPS)]
    raws = {cell: [np.random.default_rng(at).bytes(BATCH_BYTES) for at in range(EACH)] for cell in cells}
    place = Place(f"file://{tmp_path}")
    with place.writing(NAME) as file:
        groups = [Group(cell, ((HOUR, EACH),)) for cell in cells]
        write(file, NAME, groups, ([_record(cell, at, raw) for at, raw in enumerate(raws[cell])] for cell in cells))
    day, views = DayFile(place.open(NAME), NAME), dict[str, list[bytes | memoryview]]()
    for number, cell in enumerate(cells):
        views[cell] = []
        for _, _, raw in day.lying(number, lambda _: True):
            assert bytes(raw) == raws[cell][len(views[cell])]
            views[cell].append(raw)
    # The last group, and what the system fetched around it; all of them are six.
    assert _resident_bytes(tmp_path / NAME) < 3 * EACH * BATCH_BYTES
    day.close()
    assert {cell: [bytes(raw) for raw in some] for cell, some in views.items()} == raws


def _record(cell: str, sequence: int, raw: bytes) -> Record:
    now = datetime(2026, 11, 21, tzinfo=UTC)
    return Record(cell, HOUR, f"node-{cell}", 1, sequence, 1, 0, 0, 0, 0, 0, 0, now, sha256(raw).digest(), raw)


def _resident_bytes(path: Path) -> int:
    """How much of a mapped file counts as this process's memory (proc(5), smaps)."""
    lines = iter(Path("/proc/self/smaps").read_text("utf-8").splitlines())
    found = [next(later for later in lines if later.startswith("Rss:")) for line in lines if line.endswith(str(path))]
    return sum(int(line.split()[1]) * 1024 for line in found)
