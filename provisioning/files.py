"""Files and folders that only their owner may read; whole or not there."""

from __future__ import annotations

from pathlib import Path

from shared.files import CannotWrite, write_whole

__all__ = ["CannotWrite", "make_folder", "write_private", "write_whole"]


def write_private(path: Path, content: bytes) -> None:
    """What only its owner may read, from its first byte on. Raises CannotWrite."""
    write_whole(path, content, 0o600)


def make_folder(path: Path) -> None:
    """A folder, and those above it, that only their owner may enter. Raises CannotWrite."""
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise CannotWrite(f"cannot make the folder {path}: {error.strerror}", hint="check the path") from None
