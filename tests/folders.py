"""Where tests keep their files: in memory where there is room, because a disk is waited for at every commit."""

from __future__ import annotations

import os
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108  (what is made in it has names of its own, and nobody else may read it)
_ROOM_BYTES = 4 * 2**30  # many times what all tests of a run have at once


def quick_folder(otherwise: str, room_bytes: int = _ROOM_BYTES) -> str:
    """A folder for temporary files. Nothing is lost by keeping them in memory: a test ends processes, not machines."""
    try:
        about = os.statvfs(_MEMORY)
        free = int(Path("/proc/meminfo").read_text().partition("MemAvailable:")[2].split()[0]) * 1024
    except (OSError, IndexError, ValueError):
        return otherwise
    room = min(about.f_bavail * about.f_frsize, free)
    usable = os.access(_MEMORY, os.W_OK | os.X_OK) and not about.f_flag & (os.ST_RDONLY | os.ST_NOEXEC)
    return str(_MEMORY) if usable and room >= room_bytes else otherwise
