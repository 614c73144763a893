"""The shares that one authority releases for one case, as they travel: columns, sealed to one recipient's key.

Every cell of a case has the same hours, so cells × hours × 32 bytes are one buffer: a fortnight of a city, 227,000
cell-hours, is opened without an object for any of them. A Mapping by Epoch stands in front for whoever wants one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from shared.clock import from_unix
from shared.epochs import SHARE_BYTES, Epoch, Part
from shared.errors import BadRelease, CairnError
from shared.ids import check_id
from shared.keys import open_sealed, seal_to
from shared.wire import as_bytes, pack, unpack

MAX_HOURS = 15 * 24 + 2  # a window of 14 days that begins and ends within an hour


class Recipient(StrEnum):
    """Who may hold what: probes get code shares, search workers get seal shares, the centre seals canaries."""

    PROBES = "probes"
    SEARCH = "search"
    CANARY = "canary"

    @property
    def part(self) -> Part:
        """The kind of share that this recipient gets; nobody gets both."""
        return Part.CODE if self is Recipient.PROBES else Part.SEAL


@dataclass(frozen=True, slots=True, eq=False)
class ShareGrid(Mapping[Epoch, bytes]):
    """One authority's shares of every one of `cells` at every one of `hours`: uint8[cells, hours, 32], both sorted."""

    cells: tuple[str, ...]
    hours: tuple[int, ...]
    array: npt.NDArray[np.uint8] = field(repr=False)

    def __getitem__(self, epoch: Epoch) -> bytes:
        return bytes(self.array[self._row(epoch)])

    def __contains__(self, epoch: object) -> bool:
        return isinstance(epoch, Epoch) and epoch.hour in self.hours and epoch.cell in self.cells

    def __iter__(self) -> Iterator[Epoch]:
        return (Epoch(cell, hour) for cell in self.cells for hour in self.hours)

    def __len__(self) -> int:
        return len(self.cells) * len(self.hours)

    def _row(self, epoch: Epoch) -> tuple[int, int]:
        try:
            return self.cells.index(epoch.cell), self.hours.index(epoch.hour)
        except ValueError:
            raise KeyError(epoch) from None


@dataclass(frozen=True, slots=True)
class ReleasedShares:
    """One authority's shares for the cell-hours of a case, the window they serve, and the days it has no secret for.

    `missing` are days of the window whose secret was destroyed or never drawn: what was not covered, and why.
    `probes_public` is the probe service's raw X25519 key as this authority knows it: whose probes a worker may believe.
    """

    authority: str
    case: str
    recipient: Recipient
    start: datetime
    end: datetime
    consents: tuple[str, ...]
    shares: ShareGrid = field(repr=False)
    missing: tuple[date, ...] = ()
    probes_public: bytes = b""


class CombinedShares(Mapping[Epoch, tuple[bytes, ...]]):
    """What every authority released, in order of their names: uint8[cells, hours, authorities, 32], or by Epoch."""

    def __init__(self, grids: Sequence[ShareGrid]) -> None:
        self.cells = tuple(sorted(set.intersection(*(set(grid.cells) for grid in grids)))) if grids else ()
        self.hours = tuple(sorted(set.intersection(*(set(grid.hours) for grid in grids)))) if grids else ()
        self._cell_at = {cell: at for at, cell in enumerate(self.cells)}
        self._hour_at = {hour: at for at, hour in enumerate(self.hours)}
        common = [self._common(grid) for grid in grids]
        self.array = np.stack(common, axis=2) if common else np.empty((0, 0, 0, SHARE_BYTES), np.uint8)

    def __getitem__(self, epoch: Epoch) -> tuple[bytes, ...]:
        row = self.array[self._cell_at[epoch.cell], self._hour_at[epoch.hour]]
        return tuple(share.tobytes() for share in row)

    def joined(self, epoch: Epoch) -> bytes:
        """All authorities' shares of one epoch, one behind the other; empty when it was not released."""
        cell, hour = self._cell_at.get(epoch.cell), self._hour_at.get(epoch.hour)
        return b"" if cell is None or hour is None else self.array[cell, hour].tobytes()

    def of_cell(self, cell: str) -> npt.NDArray[np.uint8]:
        """All authorities' shares of one cell's hours, uint8[hours, authorities, 32]. KeyError."""
        return np.asarray(self.array[self._cell_at[cell]])

    def __contains__(self, epoch: object) -> bool:
        return isinstance(epoch, Epoch) and epoch.hour in self._hour_at and epoch.cell in self._cell_at

    def __iter__(self) -> Iterator[Epoch]:
        return (Epoch(cell, hour) for cell in self.cells for hour in self.hours)

    def __len__(self) -> int:
        return len(self.cells) * len(self.hours)

    def _common(self, grid: ShareGrid) -> npt.NDArray[np.uint8]:
        cells = [grid.cells.index(cell) for cell in self.cells]
        hours = [grid.hours.index(hour) for hour in self.hours]
        return grid.array[np.ix_(cells, hours)]


def combined(released: Mapping[str, ReleasedShares]) -> CombinedShares:
    """Shares by epoch in order of authority name, for the epochs that every authority released."""
    return CombinedShares([released[name].shares for name in sorted(released)])


def not_covered(released: Mapping[str, ReleasedShares]) -> dict[date, list[str]]:
    """Days of the window that cannot be searched, and the authorities that have no secret for them."""
    days: dict[date, list[str]] = {}
    for name in sorted(released):
        for day in released[name].missing:
            days.setdefault(day, []).append(name)
    return dict(sorted(days.items()))


def seal_released(released: ReleasedShares, public: X25519PublicKey) -> bytes:
    """Seal to the recipient; the authority, case and recipient are bound, so none can be swapped."""
    grid = released.shares
    document = {
        "cells": list(grid.cells),
        "hours": np.array(grid.hours, "<u4").tobytes(),
        "shares": np.ascontiguousarray(grid.array).tobytes(),
        "window": [released.start.timestamp(), released.end.timestamp()],
        "consents": list(released.consents),
        "missing": [day.isoformat() for day in released.missing],
        "probes": released.probes_public,
    }
    return seal_to(public, _info(released.authority, released.case, released.recipient), pack(document))


def open_released(
    private: X25519PrivateKey, sealed: bytes, authority: str, case: str, recipient: Recipient
) -> ReleasedShares:
    """Open what seal_released made; CannotOpen for another key, authority, case or recipient."""
    plain = open_sealed(private, _info(authority, case, recipient), sealed)
    document = unpack(plain, BadRelease, "an authority's answer")
    try:
        start, end = (from_unix(at) for at in document["window"])
        missing = tuple(date.fromisoformat(day) for day in document["missing"])
        consents = _names(document["consents"], "scope")
        grid, probes = _grid(document), as_bytes(document["probes"])
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, OSError, CairnError):
        hint = "compare the versions of this service and the authority"
        raise BadRelease(f"authority {authority} sent shares of an unknown form", hint=hint) from None
    return ReleasedShares(authority, case, recipient, start, end, consents, grid, missing, probes)


def _grid(document: Mapping[str, Any]) -> ShareGrid:
    cells = _names(document["cells"], "cell")
    hours = tuple(np.frombuffer(document["hours"], "<u4").tolist())
    if list(cells) != sorted(set(cells)) or list(hours) != sorted(set(hours)) or len(hours) > MAX_HOURS:
        raise ValueError
    shares = np.frombuffer(document["shares"], np.uint8).reshape(len(cells), len(hours), SHARE_BYTES)
    return ShareGrid(cells, hours, shares)


def _names(value: Any, what: str) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(check_id(name, what) for name in value)


def _info(authority: str, case: str, recipient: Recipient) -> bytes:
    return f"cairn/v1 shares {authority} {case} {recipient}".encode()
