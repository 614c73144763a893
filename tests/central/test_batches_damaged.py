"""A damaged archive costs the batches that were damaged, by name, and no others."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.batches.lost import LostBatch, read_lying
from tests.central.archive_fixtures import FIRST, Archived
from tests.central.test_batches_archives import in_order, site, small_groups

__all__ = ["site", "small_groups"]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-400])


def cut_deep(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def emptied(path: Path) -> None:
    path.write_bytes(b"")


def flip_index(path: Path) -> None:
    content = path.read_bytes()
    at = content.rindex(b'"cell-10"')
    path.write_bytes(content[:at] + b'"cell-11"' + content[at + 9 :])


@pytest.mark.parametrize("damage", [cut, cut_deep, emptied, flip_index, Path.unlink])
def test_a_damaged_file_costs_its_own_batches_and_no_others(site: Archived, damage: Any) -> None:
    """Each batch of the damaged day is given as one that cannot be read, by name; the other day is whole."""
    site.fill()
    site.compact()
    damage(site.files()[0])
    read = site.read()
    assert in_order(read)
    assert sorted(one for one in read if one[1] >= FIRST + 24) == sorted(site.expected(hours=range(24, 48)))
    lost = [one for one in read if one[1] < FIRST + 24]
    assert sorted((cell, hour) for cell, hour, _ in lost) == [one[:2] for one in site.expected(hours=range(24))]
    for _, _, raw in lost:
        with pytest.raises(LostBatch, match="2026-11-21"):
            read_lying(raw)


def test_a_file_under_another_name_is_noticed(site: Archived) -> None:
    """Two days' files that were put back under each other's names give nobody the wrong batches."""
    site.fill()
    site.compact()
    first, second = site.files()
    kept = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(kept)
    for _, _, raw in site.read():
        with pytest.raises(LostBatch, match="under another name"):
            read_lying(raw)
    assert len(site.read()) == len(site.added)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_any_changed_byte_is_noticed_or_changes_one_batch_alone(
    data: st.DataObject, damaged: tuple[Archived, bytes]
) -> None:
    """Wherever a byte flips, the number of batches stays, and at most one is other than it was without being named:
    that one's own seal refuses it."""
    site, whole = damaged
    path = site.files()[0]
    at = data.draw(st.integers(0, len(whole) - 1))
    path.write_bytes(whole[:at] + bytes([whole[at] ^ data.draw(st.integers(1, 255))]) + whole[at + 1 :])
    read = site.read()
    assert len(read) == len(site.added)
    changed = [one for one in read if one not in site.expected() and not one[2].startswith(b"CAIRNLOST")]
    assert len(changed) <= 1
    assert in_order(read)


@pytest.fixture(scope="module")
def damaged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Archived, bytes]]:
    site = Archived(tmp_path_factory.mktemp("damaged"))
    site.fill(hours=range(0, 24, 6), each=1)
    site.compact()
    yield site, site.files()[0].read_bytes()
    site.engine.dispose()


def test_a_damaged_file_is_not_merged_into_a_new_one(site: Archived) -> None:
    """Late batches of a damaged day stay in the database, where they are read; the file is left as it is."""
    site.fill(hours=range(24))
    site.compact()
    (old,) = site.files()
    content = bytearray(old.read_bytes())
    at = content.index(b"CAIRNB") + 300
    content[at] ^= 1
    old.write_bytes(content)
    late = ("cell-2", 5)
    site.add(*[late] * 20)
    assert site.compact() == 0
    assert site.files() == [old]
    assert sum(one[:2] == ("cell-2", FIRST + 5) for one in site.read()) == 22
