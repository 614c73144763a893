"""Room on the disk that is held back, so that a full disk can still be emptied: deleting needs space, too."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Final

_log = logging.getLogger(__name__)

RESERVE_BYTES: Final = 4 * 1024**2


class Reserve:
    """A file of `size` bytes. It is given up when the disk is full, and taken back when there is twice the room."""

    def __init__(self, path: Path, size: int = RESERVE_BYTES) -> None:
        self._path, self._size = path, size
        self._held = path.exists() and path.stat().st_size == size

    def hold(self) -> None:
        """Take the room, unless it is held or scarce."""
        if self._held:
            return
        try:
            room = os.statvfs(self._path.parent)
            if room.f_bavail * room.f_frsize < 2 * self._size:
                return
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._size)
            self._held = True
        except OSError as error:
            _log.warning("no room is held back in %s: %s", self._path.parent, error.strerror)
            self._path.unlink(missing_ok=True)

    def let_go(self) -> None:
        """Give the room back to the disk."""
        if self._held:
            _log.warning("the disk is full: the room that was held back is used to empty the outbox")
            self._path.unlink(missing_ok=True)
            self._held = False
