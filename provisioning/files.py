"""Files that are whole or not there: written beside, flushed to the disk, then put in place in one step."""

from __future__ import annotations

import os
from pathlib import Path

from shared.errors import CairnError


class CannotWrite(CairnError):
    """A file cannot be written; what stood there before still stands."""


def write_whole(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Replace a file in one step, so that no reader ever meets half of it. Raises CannotWrite."""
    draft = path.with_name(f".{path.name}.new")
    try:
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        raise CannotWrite(
            f"cannot write {path}: {error.strerror}", hint="check the folder, its owner and its room"
        ) from None


def write_private(path: Path, content: bytes) -> None:
    """The same for what only its owner may read, from its first byte on."""
    write_whole(path, content, 0o600)


def make_folder(path: Path) -> None:
    """A folder, and those above it, that only their owner may enter. Raises CannotWrite."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise CannotWrite(f"cannot make the folder {path}: {error.strerror}", hint="check the path") from None


def _flush_folder(folder: Path) -> None:
    # A renamed file survives a power cut only when its folder was flushed, too.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
