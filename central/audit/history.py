"""A file of every checkpoint that was signed, one JSON object a line, which only grows.

It may lie on another machine or on storage that cannot be rewritten: then it tells of a rollback without any witness.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from central.audit.notes import Checkpoint, Verifier, opened
from shared.errors import BadInput

_TAIL_BYTES = 64 * 1024


class BadHistory(BadInput):
    """A file of checkpoints cannot be read, or somebody changed it."""


class CheckpointFile:
    """Each line: `at` and `note`. A last line without an end was cut off by a crash and is no checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(self, note: str, now: datetime) -> None:
        """On the disk when it returns. BadHistory when the file cannot be written."""
        line = json.dumps({"at": now.isoformat(), "note": note}, ensure_ascii=False).encode() + b"\n"
        try:
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
            try:
                # What a crash left half written must not swallow the next line.
                end = os.lseek(handle, 0, os.SEEK_END)
                torn = end > 0 and os.pread(handle, 1, end - 1) != b"\n"
                os.write(handle, b"\n" * torn + line)
                os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            hint = "check the path, its owner and whether the other machine is there"
            raise BadHistory(f"cannot write {self.path}: {error.strerror}", hint=hint) from None

    def last(self, key: Verifier) -> Checkpoint | None:
        """The largest checkpoint of this log near the end of the file; None when there is none."""
        try:
            with self.path.open("rb") as file:
                start = max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES)
                file.seek(start)
                lines = file.read().split(b"\n")[1 if start else 0 : -1]
        except FileNotFoundError:
            return None
        except OSError as error:
            hint = "check the path, its owner and whether the other machine is there"
            raise BadHistory(f"cannot read {self.path}: {error.strerror}", hint=hint) from None
        found = [point for line in lines if (point := _of_log(line, key))]
        return max(found, key=lambda point: point.size, default=None)

    def all(self, key: Verifier) -> Iterator[Checkpoint]:
        """Every checkpoint of this log. BadHistory, with the line's number, for a line that is none."""
        try:
            with self.path.open("rb") as file:
                for number, line in enumerate(file, 1):
                    if line.endswith(b"\n") and line.strip():
                        yield from self._strictly(line, number, key)
        except OSError as error:
            raise BadHistory(f"cannot read {self.path}: {error.strerror}", hint="check the path") from None

    def _strictly(self, line: bytes, number: int, key: Verifier) -> Iterator[Checkpoint]:
        written = _note_in(line)
        if written is None:
            hint = "an interrupted write leaves at most a line without an end; somebody changed this file"
            raise BadHistory(f"{self.path}, line {number}, is no checkpoint", hint=hint)
        if written.partition("\n")[0] == key.name:
            yield opened(written, key)[0]


def _of_log(line: bytes, key: Verifier) -> Checkpoint | None:
    written = _note_in(line)
    if written is None or written.partition("\n")[0] != key.name:
        return None
    try:
        return opened(written, key)[0]
    except BadInput:
        return None


def _note_in(line: bytes) -> str | None:
    try:
        read: Any = json.loads(line)
        written = read["note"]
    except (ValueError, KeyError, TypeError):
        return None
    return written if isinstance(written, str) else None
