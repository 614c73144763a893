"""A file that somebody altered, checksum and all, costs its own batches by name and never ends a search."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from central.batches import day_file
from central.batches.day_file import GROUP_BATCHES, DamagedArchive, DayFile, Group
from central.batches.lost import LostBatch, read_lying
from tests.central.archive_fixtures import FIRST, Archived
from tests.central.test_batches_archives import site

__all__ = ["site"]

Hours = Callable[[tuple[tuple[int, int], ...]], Any]


def rewritten(path: Path, altered: Callable[[Group], Group]) -> None:
    """The same batches under another index, with the checksum that it then has."""
    file = DayFile(path.open("rb"), path.name)
    records = [file.records(number) for number in range(len(file.groups))]
    groups = [altered(group) for group in file.groups]
    file.close()
    with path.open("wb") as out:
        day_file.write(out, path.name, groups, records)


ALTERED: dict[str, Hours] = {
    "no hours": lambda _: (),
    "hours that are words": lambda hours: tuple((str(hour), count) for hour, count in hours),
    "hours that are no numbers at all": lambda hours: tuple((None, count) for _, count in hours),
    "hours backwards": lambda hours: hours[::-1],
    "an hour twice": lambda hours: (hours[0], *hours),
    "more batches than memory holds": lambda hours: tuple((hour, 10**13) for hour, _ in hours),
    "more batches than a group may have": lambda hours: ((hours[0][0], GROUP_BATCHES + 1),),
    "fewer than none": lambda hours: tuple((hour, -1) for hour, _ in hours),
    "a count that is no number": lambda hours: tuple((hour, True) for hour, _ in hours),
    "a count that is a fraction": lambda hours: tuple((hour, 1.0) for hour, _ in hours),
}


def all_lost(site: Archived) -> None:
    """The first day's batches are named as lost, one for one; the second day's are read."""
    read = site.read()
    lost = [one for one in read if one[1] < FIRST + 24]
    assert sorted(one[:2] for one in lost) == [one[:2] for one in site.expected(hours=range(24))]
    for _, _, raw in lost:
        with pytest.raises(LostBatch, match="2026-11-21"):
            read_lying(raw)
    assert sorted(one for one in read if one not in lost) == site.expected(hours=range(24, 48))


@pytest.mark.parametrize("what", ALTERED)
def test_an_index_that_cannot_be_costs_its_own_day_by_name(site: Archived, what: str) -> None:
    """Whatever stands in it, under a checksum that fits."""
    site.fill()
    site.compact()
    path = site.files()[0]
    rewritten(path, lambda group: Group(group.cell, ALTERED[what](group.hours)))
    with pytest.raises(DamagedArchive, match="its index has"):
        DayFile(path.open("rb"), path.name)
    all_lost(site)


@pytest.mark.parametrize("cell", [None, 7, ["cell-1"]])
def test_a_cell_that_is_no_name_costs_its_own_day(site: Archived, cell: Any) -> None:
    """A list would not even do as a key."""
    site.fill()
    site.compact()
    rewritten(site.files()[0], lambda group: Group(cell, group.hours))
    all_lost(site)


def test_a_file_that_was_compressed_is_read(site: Archived, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is taken apart in memory lies nowhere in the map of the file."""
    site.fill()
    site.compact()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with monkeypatch.context() as patched:
        patched.setattr(pa.ipc, "new_file", partial(pa.ipc.new_file, options=options))
        rewritten(site.files()[0], lambda group: group)
    assert sorted(site.read()) == site.expected()
    file = DayFile(site.store.place.open(site.files()[0].name), site.files()[0].name)
    assert sum(len(file.records(number)) for number in range(len(file.groups))) == len(site.expected(hours=range(24)))
    file.close()
