"""Batches on their way to a worker, in memory that the centre writes and the worker may only read.

A pipe copies every batch twice inside the system, page by page, which took a sixth of a search. Here a batch is copied
into a slot, and the stream tells where it lies. The worker takes a copy for itself before it looks at one: whoever
could change bytes between a check and a use would be told about batches that nobody sealed.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import IO

from central.search.frames import Batch, FrameBroken, read_frame, write_frame

SLOT_BYTES, SLOTS = 2**20, 8  # no batch is larger than a quarter of a slot; together they stay in a processor's cache
_BYTES = SLOT_BYTES * SLOTS
_ROW = struct.Struct(">II")  # cases, and bytes of the batch, which lies behind those before it
_MOST_ROWS = 4096  # of one slot
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


class HandingOver:
    """The centre's side: slots are filled in turn, each when the worker has taken what was in it. One thread hands
    over; `taken` and `close` may come from others."""

    def __init__(self) -> None:
        self.file = os.memfd_create("cairn-batches", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.file, _BYTES)
        fcntl.fcntl(self.file, fcntl.F_ADD_SEALS, _SEALS)  # memory that is gone would kill who reads it
        self._memory = mmap.mmap(self.file, _BYTES)
        self._slot, self._free, self._closed = 0, SLOTS, False
        self._changed = threading.Condition()

    def put(self, stream: IO[bytes], batches: Sequence[Batch]) -> None:
        """Some batches at once. Raises BrokenPipeError when the worker is gone or nobody waits for its answer."""
        some, size = list[Batch](), 0
        for cases, raw in batches:
            one = raw[:SLOT_BYTES]  # what is longer is no batch: the worker finds it too large, and says so
            if size + len(one) > SLOT_BYTES or len(some) == _MOST_ROWS:
                self._fill(stream, some)
                some, size = [], 0
            some.append((cases, one))
            size += len(one)
        if some:
            self._fill(stream, some)

    def taken(self) -> None:
        """The worker has copied what was in the oldest slot."""
        with self._changed:
            self._free += 1
            self._changed.notify_all()

    def close(self) -> None:
        """Nothing is handed over any more; whoever waits for a slot is told."""
        with self._changed:
            if not self._closed:
                self._closed = True
                self._changed.notify_all()
                self._memory.close()
                os.close(self.file)

    def _fill(self, stream: IO[bytes], batches: Sequence[Batch]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._free or self._closed)
            if self._closed:
                raise BrokenPipeError
            at = self._slot * SLOT_BYTES
            self._free, self._slot = self._free - 1, (self._slot + 1) % SLOTS
            for _, raw in batches:
                self._memory[at : at + len(raw)] = raw
                at += len(raw)
        write_frame(stream, b"".join([_ROW.pack(cases, len(raw)) for cases, raw in batches]))


class Taking:
    """The worker's side. `taken` is called when a slot may be filled again."""

    def __init__(self, memory: mmap.mmap) -> None:
        self._memory, self._own = memoryview(memory), memoryview(bytearray(SLOT_BYTES))

    @classmethod
    def received(cls, stream: IO[bytes]) -> Taking:
        """What the centre sends before anything else, over the socket that the stream reads. Raises FrameBroken."""
        try:
            # Its kind is named, or Python would ask for it, with calls that a worker's unit denies.
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, os.dup(stream.fileno())) as connection:
                _, files, _, _ = socket.recv_fds(connection, 1, 1)
            (file,) = files
        except (OSError, ValueError):
            hint = "it is started by the centre, or by cairn-search.socket with the units of this version"
            raise FrameBroken("a search worker was given no memory to read from", hint=hint) from None
        try:
            return cls(mmap.mmap(file, _BYTES, prot=mmap.PROT_READ))
        except (OSError, ValueError):
            raise FrameBroken("a search worker was given too little memory to read from", hint="update both") from None
        finally:
            os.close(file)

    def batches(self, stream: IO[bytes], taken: Callable[[], None]) -> Iterator[Batch]:
        """Batches with their cases up to the empty frame, each gone when the next is asked for; FrameBroken when the
        stream ends before it."""
        slot = 0
        while (rows := read_frame(stream)) != b"":
            if rows is None:
                raise FrameBroken("the batches ended before their end was said", hint="run the search again")
            yield from self._slot(slot * SLOT_BYTES, rows)
            taken()
            slot = (slot + 1) % SLOTS

    def _slot(self, begin: int, rows: bytes) -> Iterator[Batch]:
        at, end = begin, begin + SLOT_BYTES
        if len(rows) % _ROW.size:
            raise FrameBroken("a frame is cut short", hint="run the search again")
        for cases, size in _ROW.iter_unpack(rows):
            if at + size > end:
                raise FrameBroken("a batch lies outside its slot", hint="run the search again")
            self._own[:size] = self._memory[at : at + size]
            yield cases, self._own[:size]
            at += size
