"""Write a file that only its owner may read: whole or not at all, and never over another without being told to."""

from __future__ import annotations

import os
from pathlib import Path

from shared.errors import BadInput
from shared.files import CannotWrite, write_whole


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
    """Raises FileExists when somebody was quicker, BadInput when it cannot be written."""
    try:
        write_whole(path, content, 0o600, over=force)
    except FileExistsError:
        raise FileExists(f"{path} exists", hint="choose another name, or give --force to replace it") from None
    except CannotWrite as error:
        raise BadInput(error.message, hint="choose another file") from None
