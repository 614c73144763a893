"""One file of archived batches: an Arrow IPC file, sorted by cell and hour. The only place that imports pyarrow.

A record batch is a group: batches of one cell, a few megabytes. The footer holds an index of the groups with its own
checksum, so that a search reads the groups of its cells and hours and nothing else. Headers lie in columns, and each
batch's SHA-256; the sealed bytes lie as they came and are proven by their own seal when they are opened, as those from
the database are. Whatever does not fit the index is a DamagedArchive.
"""

from __future__ import annotations

import json
import mmap
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import IO, Any, NamedTuple

import numpy as np
import pyarrow as pa

from central.batches.store import Lying
from shared.errors import CairnError

GROUP_BYTES, GROUP_BATCHES = 4 * 2**20, 1024  # large enough that reading one is worth a request to an object store
_VERSION, _INDEX, _CHECKSUM = 1, b"cairn.index", b"cairn.sha256"
_SCHEMA = pa.schema(
    [
        ("cell", pa.string()),
        ("hour", pa.int64()),
        ("node", pa.string()),
        *((name, pa.int64()) for name in ("boot", "sequence", "covers", "clock_error_ms", "people")),
        *((f"mask_{name}", pa.int64()) for name in ("worn", "incorrect", "absent", "unknown")),
        ("received_at", pa.timestamp("us", tz="UTC")),
        ("digest", pa.binary(32)),
        ("raw", pa.large_binary()),
    ]
)


_Mapped = tuple[int, int]  # first byte of a page of the map, and how many bytes


class DamagedArchive(CairnError):
    """An archive is cut short or was changed."""


class Record(NamedTuple):
    """A batch as the archive holds it: what the database knows of it, and its bytes."""

    cell: str
    hour: int
    node: str
    boot: int
    sequence: int
    covers: int
    clock_error_ms: int
    people: int
    mask_worn: int
    mask_incorrect: int
    mask_absent: int
    mask_unknown: int
    received_at: datetime
    digest: bytes
    raw: bytes


@dataclass(frozen=True, slots=True)
class Group:
    """Batches of one cell that are read at once: how many of which hours, in order."""

    cell: str
    hours: tuple[tuple[int, int], ...]

    @property
    def batches(self) -> int:
        return sum(count for _, count in self.hours)

    def within(self, hours: range) -> bool:
        return self.hours[-1][0] >= hours.start and self.hours[0][0] < hours.stop


def write(file: IO[bytes], name: str, groups: Sequence[Group], records: Iterable[Sequence[Record]]) -> None:
    """Write groups as planned; `records` gives the batches of each. One group is in memory at a time."""
    index = json.dumps([_VERSION, name, [[one.cell, one.hours] for one in groups]], separators=(",", ":")).encode()
    metadata = {_INDEX: index, _CHECKSUM: sha256(index).digest()}
    with pa.ipc.new_file(file, _SCHEMA, metadata=metadata) as writer:
        for some in records:
            columns = [
                pa.array(values, kind) for values, kind in zip(zip(*some, strict=True), _SCHEMA.types, strict=True)
            ]
            writer.write_batch(pa.record_batch(columns, schema=_SCHEMA))


class DayFile:
    """An archive to read. Raises DamagedArchive, here and in every method; `close` when done."""

    def __init__(self, opened: mmap.mmap | IO[bytes], name: str) -> None:
        self.name, self._opened = name, opened
        with ExitStack() as undo, self._explained():
            if not isinstance(opened, mmap.mmap):
                undo.callback(opened.close)
            mapped = pa.py_buffer(opened) if isinstance(opened, mmap.mmap) else None
            self._base = mapped.address if mapped else 0
            self._reader = pa.ipc.open_file(pa.BufferReader(mapped) if mapped else pa.PythonFile(opened, mode="r"))
            self.groups = _index(self._reader.metadata or {}, name)
            if len(self.groups) != self._reader.num_record_batches or self._reader.schema != _SCHEMA:
                raise ValueError("its parts are not those of its index")
            undo.pop_all()
        self._read_last: _Mapped | None = None
        self._of: dict[str, list[int]] = {}
        for number, group in enumerate(self.groups):
            self._of.setdefault(group.cell, []).append(number)

    def numbers(self, cell: str, hours: range) -> list[int]:
        """The groups in which a cell's batches of these hours lie, in order."""
        return [number for number in self._of.get(cell, ()) if self.groups[number].within(hours)]

    def lying(self, number: int, read: Callable[[int], bool]) -> Iterator[Lying]:
        """The batches of a group whose hours are to be read, in order of hours, as views of where they lie: who hands
        them on copies them anyway. Damage shows before the first."""
        with self._explained():
            raw = self._checked(number).column("raw")
            _, ends, content = raw.buffers()
            if content is None:
                raise ValueError("a part of it holds nothing")
            ends_at = np.frombuffer(ends, np.int64, len(raw) + 1, raw.offset * 8).tolist()
        return self._sliced(self.groups[number], ends_at, content, read)

    def _sliced(self, group: Group, ends: list[int], content: Any, read: Callable[[int], bool]) -> Iterator[Lying]:
        row, view = 0, memoryview(content).cast("B")  # which keeps the map, too
        for hour, count in group.hours:
            if read(hour):
                for one in range(row, row + count):
                    yield group.cell, hour, view[ends[one] : ends[one + 1]]
            row += count
        # The last of these may yet wait to be handed on, which would fetch their pages again; those before were.
        self._let_go(self._read_last)
        self._read_last = self._mapped(content)

    def _mapped(self, content: Any) -> _Mapped | None:
        """Where it lies in the map. What does not, such as what another program had compressed, is none of it."""
        at = content.address - self._base
        inside = isinstance(self._opened, mmap.mmap) and 0 <= at <= at + content.size <= len(self._opened)
        return (at // mmap.PAGESIZE * mmap.PAGESIZE, content.size) if inside else None

    def _let_go(self, mapped: _Mapped | None) -> None:
        """What was read stays in the page cache, but no longer counts as this process's memory."""
        if mapped and isinstance(self._opened, mmap.mmap):
            self._opened.madvise(mmap.MADV_DONTNEED, *mapped)

    def records(self, number: int) -> list[Record]:
        """All of a group, with its headers. Each is held against its checksum."""
        with self._explained():
            batch = self._checked(number)
            columns = [column.to_pylist() for column in batch.columns]
            self._let_go(self._mapped(batch.column("raw").buffers()[2]))
            found = [Record(*values) for values in zip(*columns, strict=True)]
            if any(sha256(one.raw).digest() != one.digest for one in found):
                raise ValueError("a batch was changed")
            return found

    def close(self) -> None:
        """What was read of it stays readable."""
        del self._reader
        if not isinstance(self._opened, mmap.mmap):
            self._opened.close()

    def _checked(self, number: int) -> Any:
        """A record batch whose layout is sound and whose cells and hours are those of the index."""
        batch, group = self._reader.get_batch(number), self.groups[number]
        batch.validate(full=True)
        hours = np.repeat([hour for hour, _ in group.hours], [count for _, count in group.hours])
        if not np.array_equal(batch.column("hour").to_numpy(), hours) or set(batch.column("cell").to_pylist()) != {
            group.cell
        }:
            raise ValueError("a part of it is not what its index says")
        return batch

    def _explained(self) -> _Explained:
        return _Explained(self.name)


class _Explained:
    """Turns what a damaged file makes libraries say into words. A class, because a search passes here often."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __enter__(self) -> None:
        pass

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        # An object store's library has errors of kinds of its own, whose texts may hold addresses.
        if isinstance(error, Exception) and not isinstance(error, CairnError | MemoryError):
            why = str(error) if type(error) is ValueError else type(error).__name__
            hint = "look at its place, or put it back from a copy; the rest of it is still read"
            raise DamagedArchive(f"{self._name} cannot be read: {why}", hint=hint) from None


def _index(metadata: Any, name: str) -> list[Group]:
    index = metadata[_INDEX]
    if sha256(index).digest() != metadata[_CHECKSUM]:
        raise ValueError("its index was changed")
    version, named, *groups = json.loads(index)
    if version != _VERSION:
        raise ValueError(f"it has version {version}, and this software knows {_VERSION}")
    if named != name:
        raise ValueError(f"it is {named} under another name")
    (listed,) = groups
    return [_group(cell, tuple((hour, count) for hour, count in hours)) for cell, hours in listed]


def _group(cell: object, hours: tuple[tuple[object, object], ...]) -> Group:
    """The checksum lies in the same file, so whoever alters the index can alter it too. Raises ValueError."""
    found: list[tuple[int, int]] = []
    for hour, count in hours:
        if type(hour) is not int or type(count) is not int or count < 1 or (found and hour <= found[-1][0]):
            raise ValueError("its index has hours that cannot be")
        found.append((hour, count))
    if type(cell) is not str or not found or sum(count for _, count in found) > GROUP_BATCHES:
        raise ValueError("its index has a part that cannot be")
    return Group(cell, tuple(found))
