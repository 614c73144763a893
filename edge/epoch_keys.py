"""The keys of the hours around now, made from what every authority has granted; kept in memory only.

A restart while offline therefore means no keys until the broker is reached: that is what keeps a stolen card shut.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from shared.epochs import Epoch, Modality, Shares, code_key, seal_key
from shared.errors import CairnError
from shared.node_shares import open_grant

_log = logging.getLogger(__name__)

_LOOK_EVERY_S: Final = 0.25


class KeysMissing(CairnError):
    """An hour has no keys here: an authority has not granted them, or the hour is over and they were erased."""


@dataclass(frozen=True, slots=True)
class HourKeys:
    """The keys of one hour: one code key a modality, and the key that seals this node's batches."""

    face: bytes = field(repr=False)
    appearance: bytes = field(repr=False)
    seal: bytes = field(repr=False)


class EpochKeys:
    """Grants in, keys out. Safe to use from several threads."""

    def __init__(
        self, node: str, cell: str, private: X25519PrivateKey, authorities: Sequence[str], models: Mapping[str, str]
    ) -> None:
        self._node, self._cell, self._private = node, cell, private
        self._authorities = tuple(sorted(authorities))
        self._models = dict(models)
        self._shares: dict[Epoch, dict[str, Shares]] = {}
        self._oldest_hour = 0
        self._lock = threading.Lock()
        self._granted = threading.Condition(self._lock)

    def take_grant(self, authority: str, raw: bytes) -> int:
        """Open one authority's grant; returns how many hours of this cell it was good for.

        A grant that does not open is logged and otherwise ignored: a bad message must not stop a camera.
        """
        if authority not in self._authorities:
            _log.warning("a grant came from %s, which is no authority of this node", authority)
            return 0
        try:
            granted = open_grant(raw, authority, self._node, self._private)
        except CairnError as error:
            _log.error("the grant of %s does not open: %s", authority, error)
            return 0
        with self._lock:
            wanted = {e: s for e, s in granted.items() if e.cell == self._cell and e.hour >= self._oldest_hour}
            for epoch, shares in wanted.items():
                self._shares.setdefault(epoch, {})[authority] = shares
            self._granted.notify_all()
        return len(wanted)

    def wait(self, epoch: Epoch, seconds: float, give_up: Callable[[], bool]) -> bool:
        """Wait until every authority has granted `epoch`; False when `seconds` are over or `give_up` says so.

        `give_up` is asked several times a second, because a signal handler can set a flag but not notify a condition.
        """
        end = monotonic() + seconds
        while not give_up():
            with self._lock:
                left = end - monotonic()
                if len(self._shares.get(epoch, {})) == len(self._authorities) or left <= 0:
                    return left > 0
                self._granted.wait(min(left, _LOOK_EVERY_S))
        return False

    def keys(self, epoch: Epoch) -> HourKeys:
        """The keys of `epoch`. Raises KeysMissing, naming the authorities that have not granted."""
        with self._lock:
            granted = dict(self._shares.get(epoch, {}))
            erased = epoch.hour < self._oldest_hour
        missing = [name for name in self._authorities if name not in granted]
        if missing:
            raise _missing(epoch, missing, erased)
        code = [granted[name].code for name in self._authorities]
        seal = [granted[name].seal for name in self._authorities]
        return HourKeys(
            face=code_key(code, Modality.FACE, self._models["face"], epoch),
            appearance=code_key(code, Modality.APPEARANCE, self._models["appearance"], epoch),
            seal=seal_key(seal, self._node, epoch),
        )

    def erase_before(self, hour: int) -> list[Epoch]:
        """Erase every hour before `hour`, for good: a grant that is delivered again does not bring it back."""
        with self._lock:
            self._oldest_hour = max(self._oldest_hour, hour)
            gone = sorted(epoch for epoch in self._shares if epoch.hour < self._oldest_hour)
            for epoch in gone:
                del self._shares[epoch]
        return gone

    def hours(self) -> list[int]:
        """The hours for which every authority has granted."""
        with self._lock:
            return sorted(e.hour for e, by in self._shares.items() if len(by) == len(self._authorities))


def _missing(epoch: Epoch, authorities: Sequence[str], erased: bool) -> KeysMissing:
    when = f"{epoch.start:%Y-%m-%d %H}:00 UTC"
    if erased:
        return KeysMissing(f"the keys of {when} were erased when that hour was done", hint="nothing to do")
    return KeysMissing(
        f"no keys for cell {epoch.cell} at {when}: no grant from {', '.join(authorities)}",
        hint="check the link to the broker, and that each authority knows this node",
    )
