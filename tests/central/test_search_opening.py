"""Batches that are opened together: each is refused alone, and the memory that they lie in is used again."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.search.comparing import Compared
from central.search.opened import Memory, Opened
from central.search.opening import Opening
from central.search.plans import Group
from shared.batches import Header, read_stored, seal_columns
from shared.columns import ColumnReader, columns_to_bytes
from shared.epochs import Modality
from shared.errors import BadBatch, CannotOpen
from shared.layout import LAYOUT
from tests.shared.test_batches import EPOCH, KEYS, header, sighting

CASES = 0b101


def sealed(number: int, change: Callable[[bytearray], None] = lambda plain: None, people: int = 1) -> bytes:
    """A batch of one sighting with this number, whose content is changed before it is sealed."""
    plain = bytearray(columns_to_bytes(EPOCH, [sighting(number)], []))
    change(plain)
    one: Header = header(people)
    return seal_columns(one, bytes(plain), KEYS, number)


def with_mask(value: int) -> Callable[[bytearray], None]:
    def change(plain: bytearray) -> None:
        at = bytes(plain).index(b"gcolumns") + len(b"gcolumns") + 2 + sum(LAYOUT[name].itemsize for name in BEFORE_MASK)
        plain[at] = value

    return change


BEFORE_MASK = ("number", "start", "end", "east", "north", "camera")


def nothing(modality: Modality, _model: str | None) -> Compared:
    none = np.empty(0, np.int64)
    return Compared(modality, np.empty((0, 128), np.uint8), np.empty(0, np.int32), none, none, np.empty(0), ())


def opened(*raws: bytes, key: bytes = KEYS.seal) -> tuple[list[Opened], list[tuple[int, int, type[Exception]]]]:
    """The numbers of batches that opened, and the position and error of the others."""
    opening = Opening(Memory(), ColumnReader())
    opening.begin(EPOCH, [Group(CASES, lambda node: key, nothing)])
    shared = bytearray(max(map(len, raws)))  # as between centre and worker: the next one lies where this one did
    for place, raw in enumerate(raws):
        shared[: len(raw)] = raw
        opening.open(place, read_stored(memoryview(shared)[: len(raw)]))
    some, near = opening.compared()
    assert near is None
    return some, [(index, cases, type(error)) for index, cases, error in opening.failed]


def test_a_batch_that_names_a_mask_state_that_does_not_exist_fails_alone() -> None:
    """The batches beside it are searched, and what is said of it names its place and the cases."""
    some, failed = opened(sealed(1), sealed(2, with_mask(9)), sealed(3, with_mask(0)))
    assert [one.columns.number.tolist() for one in some] == [[1], [3]]
    assert failed == [(1, CASES, BadBatch)]


def test_a_batch_that_says_another_number_of_people_fails_alone() -> None:
    """A header and a content that disagree come from no box."""
    some, failed = opened(sealed(1), sealed(2, people=2))
    assert [one.index for one in some] == [0]
    assert failed == [(1, CASES, BadBatch)]


def test_batches_under_another_key_are_told_one_by_one() -> None:
    """A key that was not released opens nothing, and every batch is told."""
    some, failed = opened(sealed(1), sealed(2), key=bytes(32))
    assert not some
    assert failed == [(0, CASES, CannotOpen), (1, CASES, CannotOpen)]


def test_a_copy_stays_when_the_memory_is_used_again() -> None:
    """What a search holds beyond a portion is its own, codes and encounters included."""
    memory, reader = Memory(), ColumnReader()
    opening = Opening(memory, reader)
    opening.begin(EPOCH, [Group(CASES, lambda node: KEYS.seal, nothing)])
    opening.open(0, read_stored(sealed(1)))
    ((one,), _) = opening.compared()
    copy = one.copied()
    before = copy.columns.sighting(0), copy.columns.encounters
    assert memory.has(one.columns.blob)
    assert not memory.has(copy.columns.blob)
    memory.give_back()
    memory.take(200_000)[:] = bytes([255]) * 200_000
    assert (copy.columns.sighting(0), copy.columns.encounters) == before
    with pytest.raises(BadBatch):
        _ = one.columns.encounters


@given(st.lists(st.lists(st.integers(1, 700_000), max_size=6), min_size=1, max_size=4))
def test_no_two_contents_share_memory_until_it_is_given_back(rounds: list[list[int]]) -> None:
    """However large contents are, each has room of its own; afterwards the same room serves the next ones."""
    memory = Memory()
    for sizes in rounds:
        views = [memory.take(size) for size in sizes]
        assert [len(view) for view in views] == sizes
        for number, view in enumerate(views):
            view[0] = view[-1] = number
        assert [(view[0], view[-1]) for view in views] == [(number, number) for number in range(len(views))]
        memory.give_back()
