"""Files that are whole or not there: written beside, flushed to the disk, then put in place in one step."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from shared.errors import CairnError


class CannotWrite(CairnError):
    """A file cannot be written; what stood there before still stands."""


def write_whole(path: Path, content: bytes, mode: int = 0o644, *, over: bool = True) -> None:
    """Put a file in its place in one step, so that no reader ever meets half of it, also of two who write at once.

    Raises CannotWrite, and FileExistsError where it may not go `over` a file that is there.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if over:
            draft.replace(path)
        else:
            _place(draft, path)
        flush_folder(path.parent)
    except FileExistsError:
        raise
    except OSError as error:
        hint = "check the folder, its owner and its room"
        raise CannotWrite(f"cannot write {path}: {error.strerror}", hint=hint) from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def flush_folder(folder: Path) -> None:
    """A renamed or deleted file survives a power cut only when its folder was flushed, too. Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _place(draft: Path, path: Path) -> None:
    """A link fails where a name is taken, in one step; a file system without links is asked first instead."""
    try:
        path.hardlink_to(draft)
    except FileExistsError:
        raise
    except OSError:
        if os.path.lexists(path):
            raise FileExistsError from None
        draft.replace(path)
