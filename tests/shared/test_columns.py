"""The plain content of a batch: read without copying, encounters only when asked for, and nothing malformed passes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import cbor2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import columns
from shared.columns import ColumnReader, columns_from_bytes, columns_to_bytes
from shared.epochs import Epoch
from shared.errors import BadBatch, BadInput
from shared.layout import Stacked
from shared.sighting_columns import SightingColumns
from shared.sightings import Encounter
from shared.wire import pack, unpack_first
from tests.shared.test_batches import sighting

EPOCH = Epoch("cell-1", 498_681)
NAMES = ("n", "cameras", "columns")
MET = Encounter(1, 2, EPOCH.start, EPOCH.start + timedelta(seconds=61.5), 0.83, 0.21, (4.0, 20.5, 31.0, 40.0, 61.5))


def plain(*changes: tuple[str, Any]) -> bytes:
    """The content of a batch of two sightings and one encounter, with some entries of its map replaced."""
    document = cbor2.loads(columns_to_bytes(EPOCH, [sighting(1), sighting(2)], [MET]))
    return cbor2.dumps({**document, **dict(changes)}, canonical=True)


def padded(content: bytes | bytearray) -> memoryview:
    return memoryview(len(content).to_bytes(4, "big") + bytes(content) + bytes(100))


def read(content: bytes) -> SightingColumns:
    return columns_from_bytes(bytes(padded(content)), "node-1", 1, EPOCH)


ROW = [1, 2, 0, 61_500, 83, 21, 4000, 20_500, 31_000, 40_000, 61_500]


def test_an_encounter_of_schema_1_is_read_without_seconds() -> None:
    """Rows of six numbers, as older boxes wrote them, say nothing of how long somebody was how near."""
    old = Encounter(MET.a, MET.b, MET.start, MET.end, MET.min_distance_m, MET.distance_error_m)
    assert read(plain(("encounters", [ROW[:6]]))).encounters == (old,)


def test_encounters_of_schema_2_are_read() -> None:
    """A list of rows, as boxes wrote them before, gives the same as a block of numbers."""
    assert read(plain(("encounters", [ROW]))).encounters == read(plain()).encounters == (MET,)


@pytest.mark.parametrize("near", [(5, 4, 5, 5, 5), (-1, 0, 0, 0, 0), (-2, -2, -2, -2, -2), (1, 2, 3, 4)])
def test_seconds_that_cannot_be_are_refused(near: tuple[int, ...]) -> None:
    """Less time within a longer reach, half a count, or a count that is missing: malformed."""
    row = [*ROW[:6], *near]
    with pytest.raises(BadBatch):
        _ = read(plain(("encounters", [row]))).encounters
    with pytest.raises(BadBatch):
        _ = read(plain(("encounters", np.array(row, "<i4").tobytes()))).encounters


@given(st.integers(0, 2**32), st.lists(st.text(max_size=40), max_size=300), st.integers(0, 70_000))
def test_the_first_entries_are_those_of_the_whole_document(n: int, cameras: list[str], length: int) -> None:
    """Reading the head gives the same values as reading everything, for byte strings of every width of length."""
    document = {"n": n, "cameras": cameras, "columns": bytes(length), "encounters": [[1, 2]]}
    first, rest = unpack_first(memoryview(pack(document)), NAMES, BadInput, "it")
    assert {**first, "columns": bytes(first["columns"])} == {name: document[name] for name in NAMES}
    assert bytes(rest) == pack("encounters") + pack([[1, 2]])


@given(st.data())
def test_a_damaged_head_is_refused_or_reads_as_what_it_now_says(data: st.DataObject) -> None:
    """No change of one byte makes a document that is read otherwise than by a full canonical reading."""
    raw = bytearray(pack({"n": 3, "cameras": ["a"], "columns": bytes(30), "encounters": []}))
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        first, rest = unpack_first(memoryview(raw), NAMES, BadInput, "it")
    except BadInput:
        return
    head = pack({**first, "columns": bytes(first["columns"])})
    assert bytes([head[0] + 1]) + head[1:] + bytes(rest) == bytes(raw)


def test_a_length_that_is_not_the_shortest_is_refused() -> None:
    """A document has one spelling: a byte string whose length takes more bytes than it needs is not ours."""
    good = plain()
    at = good.index(b"gcolumns") + 8
    assert good[at] == 0x59
    with pytest.raises(BadBatch):
        read(good[:at] + b"\x5a\0\0" + good[at + 1 :])


@pytest.mark.parametrize(
    "encounters",
    [
        7,
        None,
        "met",
        [7],
        [[1, 2, 3]],
        [[1, 2, 0, 0, 5, "x"]],
        [[1, 2, 0, 2**70, 5, 5]],
        b"x",
        bytes(43),
        {1: 2},
        [[1.5] * 6],
        [[1, 2], [3]],
    ],
)
def test_malformed_encounters_are_refused_when_they_are_asked_for(encounters: object) -> None:
    """The sightings of such a batch can be read; its encounters are a named error."""
    opened = read(plain(("encounters", encounters)))
    assert len(opened) == 2
    with pytest.raises(BadBatch):
        opened.meetings()


@pytest.mark.parametrize("row", [[1, 2, 0, 2**40, 5, 5], [-1, 2, 0, 0, 5, 5], [1, 2, 0, 0, -5, 5]])
def test_encounters_out_of_range_are_refused(row: list[int]) -> None:
    """A time days away from its epoch and a negative number or distance do not come from a box."""
    with pytest.raises(BadBatch, match="out of range"):
        _ = read(plain(("encounters", [row]))).encounters


@pytest.mark.parametrize(
    "change",
    [("n", 3), ("n", "2"), ("n", -1), ("cameras", 5), ("cameras", ["UPPER"]), ("cameras", []), ("columns", "text")],
)
def test_malformed_sightings_are_refused_at_once(change: tuple[str, Any]) -> None:
    """Counts, names and columns that do not fit each other never become arrays."""
    with pytest.raises(BadBatch):
        read(plain(change))


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1), st.integers(-86_400_000, 86_400_000))
def test_every_number_that_fits_comes_out_as_it_went_in(a: int, b: int, start: int) -> None:
    """Numbers count to 2³² and times lie within a day of the epoch: none of them wraps around."""
    at = EPOCH.start + timedelta(milliseconds=start)
    content = columns_to_bytes(EPOCH, [], [Encounter(a, b, at, at, 0.5, 0.25)])
    assert read(content).encounters == (Encounter(a, b, at, at, 0.5, 0.25),)


@pytest.mark.parametrize("change", [{"a": 2**32}, {"b": -1}, {"min_distance_m": -1.0}, {"near_s": (2, 1, 1, 1, 1)}])
def test_an_encounter_that_cannot_be_is_not_written(change: dict[str, Any]) -> None:
    """What no reader would take is refused on the box, where the cause is."""
    with pytest.raises(BadBatch, match="out of range"):
        columns_to_bytes(EPOCH, [], [replace(MET, **change)])


@given(st.data())
def test_a_changed_byte_before_the_columns_is_read_as_the_full_reading_reads_it(data: st.DataObject) -> None:
    """A reader that knows the node takes a short way to the columns, and agrees with the full one on every head."""
    raw, reader = bytearray(plain()), ColumnReader()
    reader.read(padded(raw), 2, "node-1", 1, EPOCH)
    at = data.draw(st.integers(0, raw.index(b"gcolumns") + 11))
    raw[at] ^= data.draw(st.integers(0, 255))
    try:
        quick = reader.read(padded(raw), 2, "node-1", 1, EPOCH)
    except BadBatch:
        assert in_full(raw) is None
    else:
        assert in_full(raw) == (quick.people, quick.cameras, quick.blob, quick.unread)


def in_full(raw: bytearray) -> tuple[object, ...] | None:
    """The same read without any short way; None for what is no content with two sightings."""
    try:
        laid = columns._laid(padded(raw))
    except BadBatch:
        return None
    return laid if laid.n == 2 else None


@given(st.integers(0, 2**32 - 1))
def test_a_header_that_miscounts_is_refused_whatever_it_says(people: int) -> None:
    """Whatever number of sightings a header claims, nothing is made room for before the content is looked at."""
    reader, content = ColumnReader(), padded(plain())
    assert len(reader.read(content, 2, "node-1", 1, EPOCH)) == 2
    if people != 2:
        with pytest.raises(BadBatch, match="another number"):
            reader.read(content, people, "node-1", 1, EPOCH)


def test_a_node_that_names_other_cameras_from_now_on_is_read() -> None:
    """What a reader remembers of a node is a short way and no rule."""
    reader = ColumnReader()
    for camera in ("cam-1", "cam-2", "cam-2", "cam-1"):
        content = padded(columns_to_bytes(EPOCH, [sighting(1, camera=camera)], [MET]))
        assert reader.read(content, 1, "node-1", 1, EPOCH).cameras == (camera,)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=6), st.data())
def test_stacked_batches_read_as_one_after_the_other(sizes: list[int], data: st.DataObject) -> None:
    """Whole columns, some rows and codes of several batches are those of each, one below the other."""
    numbers = iter(range(100))
    some = [
        read(columns_to_bytes(EPOCH, [sighting(next(numbers), face_code=bytes([size]) * 128) for _ in range(size)], []))
        for size in sizes
    ]
    stacked = Stacked([one.blob for one in some])
    rows = np.array(data.draw(st.lists(st.integers(0, max(sum(sizes) - 1, 0)), max_size=8 * bool(sum(sizes)))), int)
    for name in ("number", "start", "end", "east", "north", "camera", "mask", "quality", "flags"):
        whole = np.concatenate([one.column(name) for one in some])
        assert (stacked.at(name, rows) == whole[rows]).all()
        assert (stacked.column(name) == whole).all()
        assert (stacked.at(name, rows) == whole[rows]).all()
    assert (stacked.codes("face", rows) == np.concatenate([one.face for one in some])[rows]).all()
    assert stacked.batch.tolist() == [place for place, size in enumerate(sizes) for _ in range(size)]


def test_a_camera_may_be_named_as_a_column_is() -> None:
    """The quick way to the columns does not take a camera's name for them."""
    seen = [sighting(1, camera="gcolumns")]
    assert read(columns_to_bytes(EPOCH, seen, [MET])).cameras == ("gcolumns",)


def test_encounters_come_out_as_they_went_in() -> None:
    """Asked for once or twice, the encounter is the same, to the millisecond and the centimetre."""
    opened = read(plain())
    assert opened.encounters == opened.encounters == (MET,)
