"""How far this machine's clock may be off, as its kernel knows it: adjtimex(2), kept by timesyncd, chrony or ntpd."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Final

UNKNOWN_MS: Final = -1
_UNSYNCHRONISED: Final = 0x0040  # STA_UNSYNC of <sys/timex.h>
_FAILED: Final = -1


class _Timex(ctypes.Structure):
    """The head of struct timex; the rest is room for the kernel to fill."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


@dataclass(frozen=True, slots=True)
class ClockError:
    """`at_most_ms` bounds the error of a synchronised clock; of any other nothing is known, and it is UNKNOWN_MS."""

    synchronised: bool
    at_most_ms: int


def clock_error() -> ClockError:
    """Ask the kernel. Where it cannot be asked, the answer is honest: not known to be synchronised."""
    answer = _Timex()  # modes 0: read only, which needs no rights
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(answer))
    except (OSError, AttributeError):
        state = _FAILED
    return judge(state, answer.status, answer.maxerror)


def clock_error_ms() -> int:
    """The bound in milliseconds as a batch's header carries it, or UNKNOWN_MS."""
    return clock_error().at_most_ms


def judge(state: int, status: int, max_error_us: int) -> ClockError:
    """The meaning of the kernel's answer. Until a clock is set, its bound is a constant that says nothing."""
    if state == _FAILED or status & _UNSYNCHRONISED:
        return ClockError(False, UNKNOWN_MS)
    return ClockError(True, -(-max_error_us // 1000))
