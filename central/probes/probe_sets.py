"""Probe codes of one patient for every epoch in scope, as they travel to one search worker: columns, sealed.

A fortnight of a city has 227,000 epochs: their codes are one buffer, and an object is made only for an epoch that is
asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from shared.epochs import Epoch, Modality
from shared.errors import BadRelease, CairnError
from shared.face_mask import FaceMask
from shared.ids import check_id
from shared.keys import open_sealed, seal_to
from shared.wire import as_bytes, pack, unpack

UInt8 = npt.NDArray[np.uint8]
Int64 = npt.NDArray[np.int64]

_HOUR_BITS = 32


@dataclass(frozen=True, slots=True, eq=False)
class ProbeSet:
    """The codes uint8[m, bits/8] to look for in one epoch, and the mask state of the face behind each.

    `fidelity` is the cosine that is left between a handed-on code's embedding and the one that it was decoded from;
    1 for codes that were encoded once.
    """

    epoch: Epoch
    modality: Modality
    model: str
    codes: UInt8 = field(repr=False)
    masks: tuple[FaceMask, ...]
    fidelity: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class ProbeColumns:
    """The same codes for many epochs: `codes` uint8[n, m, bits/8] of the epochs `at` int64[n], which ascend.

    An epoch is written as its cell's place among `cells`, which are sorted, times 2³², and its hour.
    """

    modality: Modality
    model: str
    masks: tuple[FaceMask, ...]
    cells: tuple[str, ...] = field(repr=False)
    at: Int64 = field(repr=False)
    codes: UInt8 = field(repr=False)
    fidelity: float = 1.0

    def __len__(self) -> int:
        return len(self.at)

    def epochs(self) -> Iterator[Epoch]:
        return (Epoch(self.cells[at >> _HOUR_BITS], at & (2**_HOUR_BITS - 1)) for at in self.at.tolist())

    def sets(self) -> Iterator[ProbeSet]:
        """One object an epoch, for who looks at few."""
        return (self._set(epoch, row) for row, epoch in enumerate(self.epochs()))

    def of(self, epoch: Epoch, place: int) -> ProbeSet | None:
        """What to look for in an epoch whose cell stands at `place` in `cells`."""
        wanted = at(place, epoch.hour)
        row = int(self.at.searchsorted(wanted))
        return self._set(epoch, row) if row < len(self.at) and self.at[row] == wanted else None

    def _set(self, epoch: Epoch, row: int) -> ProbeSet:
        return ProbeSet(epoch, self.modality, self.model, self.codes[row], self.masks, self.fidelity)


class Probes:
    """The probes of one search, by epoch; and the ticket with which its worker may hand a sighting's clothes on."""

    def __init__(self, columns: Sequence[ProbeColumns], ticket: bytes = b"") -> None:
        self.columns = tuple(columns)
        self.ticket = ticket
        self._places: list[Mapping[str, int]] = [
            {cell: place for place, cell in enumerate(one.cells)} for one in self.columns
        ]

    def of(self, epoch: Epoch) -> list[ProbeSet]:
        """What to look for in one epoch: nothing, or one set a modality and model."""
        found = (
            columns.of(epoch, places[epoch.cell])
            for columns, places in zip(self.columns, self._places, strict=True)
            if epoch.cell in places
        )
        return [one for one in found if one is not None]

    def of_cell(self, cell: str) -> Iterator[tuple[ProbeColumns, Int64, UInt8]]:
        """What to look for in one cell: for each modality and model the hours int64[n] and codes uint8[n, m, b]."""
        for columns, places in zip(self.columns, self._places, strict=True):
            if cell in places:
                first, last = columns.at.searchsorted([at(places[cell], 0), at(places[cell] + 1, 0)]).tolist()
                yield columns, columns.at[first:last] & (2**_HOUR_BITS - 1), columns.codes[first:last]


def at(place: int, hour: int) -> int:
    """How an epoch is written in ProbeColumns."""
    return place << _HOUR_BITS | hour


def seal_probes(case: str, probes: Probes, worker: X25519PublicKey) -> bytes:
    """Seal to one search worker, so that the centre in between only carries bytes."""
    document = {"columns": [_to_map(one) for one in probes.columns], "ticket": probes.ticket}
    return seal_to(worker, _info(case), pack(document))


def open_probes(case: str, sealed: bytes, private: X25519PrivateKey) -> Probes:
    """The inverse of seal_probes; CannotOpen for another case or worker, BadRelease for anything else."""
    document = unpack(open_sealed(private, _info(case), sealed), BadRelease, "a probe set")
    try:
        return Probes([_columns(row) for row in document["columns"]], as_bytes(document["ticket"]))
    except (ValueError, TypeError, KeyError, AttributeError, CairnError):
        raise BadRelease("The probe codes have an unknown form.", hint="Compare versions.") from None


def _to_map(one: ProbeColumns) -> dict[str, Any]:
    return {
        "modality": one.modality.value,
        "model": one.model,
        "masks": [int(mask) for mask in one.masks],
        "fidelity": one.fidelity,
        "cells": list(one.cells),
        "at": one.at.astype("<i8").tobytes(),
        "codes": np.ascontiguousarray(one.codes).tobytes(),
    }


def _columns(value: dict[str, Any]) -> ProbeColumns:
    cells = tuple(check_id(cell, "cell") for cell in value["cells"])
    places, masks = np.frombuffer(value["at"], "<i8"), tuple(FaceMask(mask) for mask in value["masks"])
    ascending, fidelity = bool((np.diff(places) > 0).all()), float(value["fidelity"])
    if len(places) and not 0 <= places[0] <= places[-1] < at(len(cells), 0):
        raise ValueError
    if list(cells) != sorted(set(cells)) or not ascending or not 0 < fidelity <= 1:
        raise ValueError
    codes = np.frombuffer(value["codes"], np.uint8).reshape(len(places), len(masks), -1)
    return ProbeColumns(
        Modality(value["modality"]), check_id(value["model"], "model"), masks, cells, places, codes, fidelity
    )


def _info(case: str) -> bytes:
    return f"cairn/v1 probe set {case}".encode()
