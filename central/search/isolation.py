"""What the worker gives up before it sees a key: files, sockets, processes, network, rights, dumps, swap where it may.

Each layer is asked for by itself; what the machine does not grant is told, and the others stand all the same.
"""

from __future__ import annotations

import ctypes
import logging
import os
import resource
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from central.search.system_calls import prepared_filter

log = logging.getLogger(__name__)

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_NEW_MOUNTS, _NEW_IPC, _NEW_USER, _NEW_NET = 0x00020000, 0x08000000, 0x10000000, 0x40000000
_CAP_IPC_LOCK = 14
_CAPABILITIES_V3 = 0x20080522


@dataclass(frozen=True, slots=True)
class Protections:
    """What is in force in a worker, and what this machine would not give, in words for an operator."""

    in_force: tuple[str, ...]
    lacking: tuple[str, ...]


def give_up_rights() -> Protections:
    """Limits that a process cannot take back. What is open stays usable; nothing can be opened afterwards.

    The order matters: namespaces and locked memory need rights that are given up next, the filter's library must be
    loaded before nothing can be opened, and the filter itself ends the setting of limits.
    """
    _let_go_of_files()
    load_filter = prepared_filter()
    given = {name: _tried(step) for name, step in _steps().items()}
    given["system calls filtered"] = load_filter is not None and _tried(load_filter)
    given["no process"] |= given["system calls filtered"]
    lacking = tuple(name for name, got in given.items() if not got)
    if lacking:
        log.warning("not to be had on this machine for a search worker: %s", ", ".join(lacking))
    return Protections(tuple(name for name, got in given.items() if got), lacking)


def _steps() -> dict[str, Callable[[], bool]]:
    linux: dict[str, Callable[[], bool]] = {
        "memory not readable by others": _not_dumpable,
        "memory never swapped": _lock_memory,
        "no network": _no_network,
        "no privileges": _no_privileges,
    }
    limits: dict[str, Callable[[], bool]] = {
        "no core dump": _no_core_dump,
        "no file written": _no_file_written,
        "nothing opened": _nothing_opened,
        "no process": _no_process,
    }
    return (linux if sys.platform == "linux" else {}) | limits


def _tried(step: Callable[[], bool]) -> bool:
    try:
        return step()
    except (OSError, ValueError, AttributeError):
        return False


def _let_go_of_files() -> None:
    """Messages to a file, which this process may not write, go nowhere instead: they would only fail at its end."""
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    if stat.S_ISREG(os.fstat(sys.stderr.fileno()).st_mode):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stderr.fileno())
        os.close(nowhere)


def _no_core_dump() -> bool:
    return _limited(resource.RLIMIT_CORE, 0)


def _no_file_written() -> bool:
    """Pipes still work: RLIMIT_FSIZE concerns regular files."""
    return _limited(resource.RLIMIT_FSIZE, 0)


def _nothing_opened() -> bool:
    """The three standard streams, and no file, pipe or socket beside them."""
    return _limited(resource.RLIMIT_NOFILE, 3)


def _no_process() -> bool:
    """Of no effect for the administrator, whom only the filter stops."""
    return _limited(resource.RLIMIT_NPROC, 0) and os.geteuid() != 0


def _limited(which: int, most: int) -> bool:
    resource.setrlimit(which, (most, most))
    return True


def _not_dumpable() -> bool:
    """No other process of the same user may attach and read the memory either."""
    return int(_libc().prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)) == 0


def _lock_memory() -> bool:
    """Pages are kept as they are touched; without the right to lock any amount, the next allocation would fail."""
    _, most = resource.getrlimit(resource.RLIMIT_MEMLOCK)
    if most != resource.RLIM_INFINITY and not _holds(_CAP_IPC_LOCK):
        return _no_swap()
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (most, most))
    return _libc().mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT) == 0 or _no_swap()


def _no_swap() -> bool:
    """Memory is never swapped where there is nowhere to swap to."""
    return len(Path("/proc/swaps").read_text("utf-8").splitlines()) == 1


def _no_network() -> bool:
    """A network, mounts and IPC of its own, with nothing in them."""
    own = _NEW_NET | _NEW_IPC | _NEW_MOUNTS
    # A user namespace is how one without rights gets the others; it would end the administrator's right to lock memory.
    if any(_libc().unshare(flags) == 0 for flags in (own, own | _NEW_USER)):
        return True
    cards = Path("/proc/self/net/dev").read_text("utf-8", "replace").splitlines()[2:]
    return {card.split(":")[0].strip() for card in cards} <= {"lo"}


def _no_privileges() -> bool:
    """No capability but, where it is held, that of keeping memory locked; none is gained by starting a program."""
    kept = 1 << _CAP_IPC_LOCK if _holds(_CAP_IPC_LOCK) else 0
    header = (ctypes.c_uint32 * 2)(_CAPABILITIES_V3, 0)
    data = (ctypes.c_uint32 * 6)(kept, kept, 0, 0, 0, 0)
    libc = _libc()
    dropped = int(libc.capset(header, data)) == 0
    return int(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) == 0 and dropped


def _holds(capability: int) -> bool:
    status = Path("/proc/self/status").read_text("utf-8", "replace")
    (effective,) = [line.split()[1] for line in status.splitlines() if line.startswith("CapEff:")]
    return bool(int(effective, 16) >> capability & 1)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
