"""Frames on a stream: four bytes of length, big-endian, then that many bytes. An empty frame ends a part of it."""

from __future__ import annotations

from typing import IO

from shared.batches import Raw
from shared.errors import BadInput

# A batch and the cases in whose scope it lies: bit k is the case at place k. Without bytes: those cases have ended.
Batch = tuple[int, Raw]

MAX_FRAME_BYTES = 256 * 1024 * 1024  # probe codes of a fortnight of a large city


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
