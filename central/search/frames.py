"""Frames on a pipe: four bytes of length, big-endian, then that many bytes. An empty frame ends a stream.

A batch's frame begins with four bytes more, which name the cases in whose scope it lies.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO

from shared.errors import BadInput

MAX_FRAME_BYTES = 256 * 1024 * 1024  # probe codes of a fortnight of a large city
_WORD = 4


class FrameBroken(BadInput):
    """A stream ended in the middle, because the other process did."""


def write_frame(stream: IO[bytes], payload: bytes) -> None:
    stream.write(len(payload).to_bytes(4, "big"))
    stream.write(payload)
    stream.flush()


def read_frame(stream: IO[bytes]) -> bytes | None:
    """The next frame, or None where the stream ends; FrameBroken when it ends inside one."""
    head = stream.read(4)
    if not head:
        return None
    length = int.from_bytes(head, "big")
    if len(head) < 4 or length > MAX_FRAME_BYTES:
        raise FrameBroken("a frame is broken", hint="run the search again")
    payload = stream.read(length)
    if len(payload) < length:
        raise FrameBroken("a frame is cut short", hint="run the search again")
    return payload


def write_batches(stream: IO[bytes], batches: Iterable[tuple[int, bytes]]) -> None:
    """Some batches at once, each with its cases: bit k is the case at place k."""
    parts: list[bytes] = []
    for cases, raw in batches:
        parts += ((_WORD + len(raw)).to_bytes(_WORD, "big"), cases.to_bytes(_WORD, "big"), raw)
    stream.write(b"".join(parts))
    stream.flush()


def read_batches(stream: IO[bytes]) -> Iterable[tuple[int, bytes]]:
    """Batches with their cases up to the empty frame; FrameBroken when the stream ends before it."""
    while True:
        head = stream.read(_WORD)
        if head == bytes(_WORD):
            return
        more = int.from_bytes(head, "big") - _WORD
        if len(head) < _WORD or not 0 <= more <= MAX_FRAME_BYTES:
            raise FrameBroken("the batches ended before their end was said", hint="run the search again")
        named, raw = stream.read(_WORD), stream.read(more)
        if len(raw) < more or len(named) < _WORD:
            raise FrameBroken("a frame is cut short", hint="run the search again")
        yield int.from_bytes(named, "big"), raw
