"""What the worker gives up before it sees a key: core dumps, files, and, where it may, swap."""

from __future__ import annotations

import ctypes
import logging
import os
import resource
import stat
import sys

log = logging.getLogger(__name__)

_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_MCL_CURRENT_AND_FUTURE = 3


def give_up_rights() -> None:
    """Limits that a process cannot take back. Pipes still work: RLIMIT_FSIZE concerns regular files."""
    _let_go_of_files()
    for limit in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(limit, (0, 0))
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    # Not dumpable also means that no other process of the same user may attach and read the memory.
    libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY:
        libc.mlockall(_MCL_CURRENT_AND_FUTURE)
    else:
        log.warning("memory may be swapped: allow locked memory (RLIMIT_MEMLOCK) or run without swap")


def _let_go_of_files() -> None:
    """Messages to a file, which this process may not write, go nowhere instead: they would only fail at its end."""
    if stat.S_ISREG(os.fstat(sys.stderr.fileno()).st_mode):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stderr.fileno())
        os.close(nowhere)
