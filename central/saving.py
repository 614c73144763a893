"""Write a file that only its owner may read: whole or not at all, and never over another without being told to."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from shared.errors import BadInput


class FileExists(BadInput):
    """There is a file of this name already."""


def must_be_free(path: Path, force: bool) -> None:
    """Ask before anything is fetched and noted in the audit log. Raises FileExists, BadInput.

    What is no plain file, such as a device, would be replaced by one, and is refused even so.
    """
    if path.is_dir():
        raise BadInput(f"{path} is a folder", hint="name a file in it")
    if path.exists() and not path.is_file():
        raise BadInput(f"{path} is no plain file", hint="name another")
    if not force and os.path.lexists(path):
        raise FileExists(f"{path} exists", hint="choose another name, or give --force to replace it")
    if not path.parent.is_dir():
        raise BadInput(f"there is no folder {path.parent}", hint="make it first, or choose another")


def save(path: Path, content: bytes, force: bool) -> None:
    """Beside its place first, synced, then moved there: a full disk or a power cut leaves no half of it.

    Raises FileExists when somebody was quicker, BadInput when it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if force:
            beside.replace(path)
        else:
            _place(beside, path)
    except FileExistsError:
        raise FileExists(f"{path} exists", hint="choose another name, or give --force to replace it") from None
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}", hint="choose another file") from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            beside.unlink()


def _place(beside: Path, path: Path) -> None:
    """A link fails where a name is taken, in one step; a file system without links is asked first instead."""
    try:
        path.hardlink_to(beside)
    except FileExistsError:
        raise
    except OSError:
        if os.path.lexists(path):
            raise FileExistsError from None
        beside.replace(path)
