"""Reading the store for a search: the scope's cell-hours and no others, cell by cell and hour by hour."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from central.batches.store import SqlBatchStore
from central.database import open_database
from shared.batches import read_batch, seal_batch
from shared.epochs import Epoch
from shared.face_mask import FaceMask
from shared.releases import CaseScope
from shared.sightings import Sighting
from tests.postgres import database_in
from tests.shared.test_batches import EPOCH, KEYS, header, sighting

NOW = EPOCH.start + timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path) -> SqlBatchStore:
    return SqlBatchStore(open_database(database_in(tmp_path)))


def scope(cells: tuple[str, ...], hours: int) -> CaseScope:
    start = EPOCH.start
    return CaseScope("case-1", "act", "kim", start, start + timedelta(hours=hours), cells, ("face",), NOW)


def fill(store: SqlBatchStore, cells: int, hours: int, each: int = 1) -> None:
    """Batches of many cells and hours, in no order at all."""
    sealed = []
    for number in range(cells * hours * each):
        cell, hour = f"cell-{number % cells}", EPOCH.hour + number // cells % hours
        sealed.append(seal_batch(header(cell=cell, hour=hour, sequence=number), [_seen(hour)], [], KEYS, number))
    random.Random(1).shuffle(sealed)
    assert not any(store.add([read_batch(raw) for raw in sealed], NOW))


def _seen(hour: int) -> Sighting:
    start = Epoch("cell-1", hour).start
    return sighting(1, start=start, end=start)


def epochs(store: SqlBatchStore, asked: CaseScope) -> list[Epoch]:
    return [read_batch(bytes(raw)).header.epoch for raw in store.in_scope(asked)]


def test_batches_come_cell_by_cell_and_hour_by_hour(store: SqlBatchStore) -> None:
    """However they came in, each cell's batches are read together, and its hours in order."""
    fill(store, cells=5, hours=6, each=2)
    cells = ("cell-3", "cell-0", "cell-4", "cell-1", "cell-2")
    read = epochs(store, scope(cells, 6))
    assert len(read) == 60
    runs = [epoch.cell for at, epoch in enumerate(read) if at == 0 or read[at - 1].cell != epoch.cell]
    assert sorted(runs) == sorted(cells)
    assert all(a.hour <= b.hour for a, b in itertools.pairwise(read) if a.cell == b.cell)


def test_only_the_cell_hours_in_scope_are_read_and_counted(store: SqlBatchStore) -> None:
    """Neither another cell's batches nor those after the window leave the store."""
    fill(store, cells=4, hours=5)
    asked = scope(("cell-1", "cell-2"), 2)
    assert set(epochs(store, asked)) == set(asked.epochs())
    assert store.count(asked) == 4


def test_sightings_and_judged_masks_are_counted_by_the_headers(store: SqlBatchStore) -> None:
    """A sighting of which no box could tell the mask counts among the sightings only."""
    seen = [_seen(EPOCH.hour), replace(_seen(EPOCH.hour), number=2, mask=FaceMask.UNKNOWN)]
    raw = seal_batch(header(2, masks=(1, 0, 0, 1)), seen, [], KEYS, 1)
    assert not any(store.add([read_batch(raw)], NOW))
    asked = scope((EPOCH.cell,), 1)
    assert store.seen(asked) == (2, 1)


def test_a_scope_of_a_whole_city_is_read_in_parts(store: SqlBatchStore) -> None:
    """More cells than fit into one question are all read, each once."""
    fill(store, cells=1200, hours=1)
    asked = scope(tuple(f"cell-{n}" for n in range(1200)), 1)
    assert sorted(epochs(store, asked)) == sorted(asked.epochs())
