"""Batches come to a worker through memory that both have: whole, in order, and out of reach once it looks at them."""

from __future__ import annotations

import io
import mmap
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.search.frames import FrameBroken, write_frame
from central.search.handing_over import SLOT_BYTES, SLOTS, HandingOver, Taking

SIZES = st.lists(st.tuples(st.integers(1, 2**32 - 1), st.integers(0, SLOT_BYTES)), max_size=40)


@pytest.fixture
def handing() -> Iterator[HandingOver]:
    made = HandingOver()
    yield made
    made.close()


def taking_from(handing: HandingOver) -> Taking:
    """What the worker makes of the memory that it is sent."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        socket.send_fds(ours, [b"\0"], [handing.file])
        with theirs.makefile("rb") as stream:
            return Taking.received(stream)


@given(SIZES, st.integers(1, 7))
def test_batches_arrive_whole_and_in_order(sizes: list[tuple[int, int]], at_once: int) -> None:
    """Whatever their sizes and however many are handed over at once, with slots that are filled again and again."""
    batches = [(cases, bytes([at % 251]) * size) for at, (cases, size) in enumerate(sizes)]
    handing = HandingOver()
    taking, (ours, theirs) = taking_from(handing), socket.socketpair()

    def feed() -> None:
        with ours, ours.makefile("wb") as stream:
            for at in range(0, len(batches), at_once):
                handing.put(stream, batches[at : at + at_once])
            write_frame(stream, b"")

    feeder = threading.Thread(target=feed)
    feeder.start()
    with theirs, theirs.makefile("rb") as stream:
        arrived = [(cases, bytes(raw)) for cases, raw in taking.batches(stream, handing.taken)]
    feeder.join()
    handing.close()
    assert arrived == batches


def test_a_batch_that_is_looked_at_cannot_be_changed_any_more(handing: HandingOver) -> None:
    """The worker looks at a copy of its own: what the centre writes afterwards does not reach it."""
    stream = io.BytesIO()
    handing.put(stream, [(1, b"sealed")])
    with mmap.mmap(handing.file, SLOT_BYTES * SLOTS) as memory:
        ((_, raw),) = [(cases, raw) for cases, raw in _first(handing, stream)]
        memory[:6] = b"forged"
        assert bytes(raw) == b"sealed"


def _first(handing: HandingOver, stream: io.BytesIO) -> Iterator[tuple[int, bytes | memoryview]]:
    stream.seek(0)
    yield next(taking_from(handing).batches(stream, handing.taken))


def test_the_worker_can_only_read_the_memory(handing: HandingOver) -> None:
    """It is mapped without the right to write."""
    with pytest.raises(TypeError, match=r"read-?only"):
        taking_from(handing)._memory[0] = 1


def test_the_memory_cannot_be_taken_away(handing: HandingOver) -> None:
    """A reader of memory that has been cut off would be killed by the system."""
    with pytest.raises(PermissionError), open(handing.file, "r+b", closefd=False) as file:
        file.truncate(0)


def test_nothing_is_written_over_before_it_is_taken(handing: HandingOver) -> None:
    """With every slot full, the next batch waits, until the oldest was taken."""
    stream, waited = io.BytesIO(), threading.Event()
    for _ in range(SLOTS):
        handing.put(stream, [(1, b"x" * SLOT_BYTES)])

    def one_more() -> None:
        handing.put(stream, [(1, b"y")])
        waited.set()

    feeder = threading.Thread(target=one_more)
    feeder.start()
    assert not waited.wait(0.05)
    handing.taken()
    feeder.join(10)
    assert waited.is_set()


def test_whoever_waits_for_a_slot_is_told_when_the_worker_is_gone(handing: HandingOver) -> None:
    """As by a pipe that nobody reads any more."""
    told = list[BaseException]()
    for _ in range(SLOTS):
        handing.put(io.BytesIO(), [(1, b"x")])

    def one_more() -> None:
        try:
            handing.put(io.BytesIO(), [(1, b"y")])
        except BrokenPipeError as error:
            told.append(error)

    feeder = threading.Thread(target=one_more)
    feeder.start()
    handing.close()
    feeder.join(10)
    assert len(told) == 1


def test_what_is_longer_than_any_batch_is_handed_over_cut(handing: HandingOver) -> None:
    """The worker then refuses it as too large, and the rest goes on."""
    stream = io.BytesIO()
    handing.put(stream, [(1, bytes(SLOT_BYTES + 5)), (2, b"next")])
    write_frame(stream, b"")
    stream.seek(0)
    lengths = [len(raw) for _, raw in taking_from(handing).batches(stream, handing.taken)]
    assert lengths == [SLOT_BYTES, 4]


@pytest.mark.parametrize(
    "words",
    [
        b"",
        b"\0\0\0\x08\0\0",
        struct.pack(">I", 5) + bytes(5),
        struct.pack(">III", 8, 1, SLOT_BYTES + 1),
        struct.pack(">IIIII", 16, 1, SLOT_BYTES, 1, 1),
    ],
    ids=["no end", "cut short", "half a row", "too long", "beyond the slot"],
)
def test_words_that_the_centre_does_not_say_end_a_worker(handing: HandingOver, words: bytes) -> None:
    """A stream that breaks off or points elsewhere is a named error, and nothing outside the slot is read."""
    with pytest.raises(FrameBroken):
        list(taking_from(handing).batches(io.BytesIO(words), handing.taken))


def test_a_worker_that_is_started_by_hand_says_who_starts_it() -> None:
    """Without memory to read from there is nothing to search."""
    command = [sys.executable, "-m", "central", "search"]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "started by the centre" in done.stderr
    assert "Traceback" not in done.stderr
