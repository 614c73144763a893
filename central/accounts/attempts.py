"""How often somebody may be wrong: failed sign-ins are counted by person and by address, in this process's memory.

A person's own address is never shut out by strangers elsewhere: what is wrong from one address closes that address,
for this person first and then for all. Only wrong tries count, and none is counted while the door is closed, so it
opens again by itself. A token is 32 random bytes, and cannot be guessed; this keeps the noise out.
"""

from __future__ import annotations

import ipaddress
import math
import time
from hashlib import sha256
from typing import Final

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from central.errors import TooManyAttempts

OF_ONE_PERSON: Final = RateLimitItemPerMinute(10, 15)
OF_ONE_ADDRESS: Final = RateLimitItemPerMinute(50, 15)


class Attempts:
    """Thread-safe. Each limit is a number of wrong tries within a time that begins with the first."""

    def __init__(self, person: RateLimitItem = OF_ONE_PERSON, address: RateLimitItem = OF_ONE_ADDRESS) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._person, self._address = person, address

    def check(self, name: str, address: str) -> None:
        """Raises TooManyAttempts, even before a right token is looked at."""
        for limit, key in self._keys(name, address):
            if not self._limiter.test(limit, *key):
                opens = self._limiter.get_window_stats(limit, *key).reset_time
                raise _too_many(max(1, math.ceil(opens - time.time())))

    def failed(self, name: str, address: str) -> None:
        """Count one wrong try."""
        for limit, key in self._keys(name, address):
            self._limiter.hit(limit, *key)

    def _keys(self, name: str, address: str) -> tuple[tuple[RateLimitItem, tuple[str, ...]], ...]:
        near = _network(address)
        # A name is whatever a stranger sent: kept short, so that nobody fills the memory with it.
        return (self._person, ("person", near, sha256(name.encode()).hexdigest()[:16])), (self._address, ("all", near))


def _network(address: str) -> str:
    """The address, or the /64 of an IPv6 address, all of which one household has."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "unknown"
    return str(ipaddress.ip_network((found, 64), strict=False)) if found.version == 6 else str(found)


def _too_many(seconds: int) -> TooManyAttempts:
    return TooManyAttempts(
        "too many wrong tokens came from this address",
        hint=f"wait {math.ceil(seconds / 60)} minutes, then use the newest token",
        retry_after_s=seconds,
    )
