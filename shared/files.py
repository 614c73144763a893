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
        flush_folder(path.parent)
    except OSError as error:
        draft.unlink(missing_ok=True)
        hint = "check the folder, its owner and its room"
        raise CannotWrite(f"cannot write {path}: {error.strerror}", hint=hint) from None


def flush_folder(folder: Path) -> None:
    """A renamed or deleted file survives a power cut only when its folder was flushed, too. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
