"""Probe codes of one patient for every epoch in scope, as they travel to one search worker: sealed CBOR."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from shared.epochs import Epoch, Modality
from shared.errors import BadRelease
from shared.face_mask import FaceMask
from shared.keys import open_sealed, seal_to
from shared.wire import pack, unpack


@dataclass(frozen=True, slots=True, eq=False)
class ProbeSet:
    """The codes uint8[m, bits/8] to look for in one epoch, and the mask state of the face behind each."""

    epoch: Epoch
    modality: Modality
    model: str
    codes: npt.NDArray[np.uint8] = field(repr=False)
    masks: tuple[FaceMask, ...]


def seal_probe_sets(case: str, sets: Sequence[ProbeSet], worker: X25519PublicKey) -> bytes:
    """Seal to one search worker, so that the centre in between only carries bytes."""
    return seal_to(worker, _info(case), pack([_row(one) for one in sets]))


def open_probe_sets(case: str, sealed: bytes, private: X25519PrivateKey) -> tuple[ProbeSet, ...]:
    """The inverse of seal_probe_sets; CannotOpen for another case or worker."""
    rows = unpack(open_sealed(private, _info(case), sealed), BadRelease, "a probe set")
    try:
        return tuple(_probe_set(row) for row in rows)
    except (ValueError, TypeError) as error:
        raise BadRelease("The probe codes have an unknown form.", hint="Compare versions.") from error


def _row(one: ProbeSet) -> list[Any]:
    where = [one.epoch.cell, one.epoch.hour]
    return [*where, one.modality.value, one.model, [int(m) for m in one.masks], one.codes.tobytes()]


def _probe_set(row: list[Any]) -> ProbeSet:
    cell, hour, modality, model, masks, raw = row
    codes = np.frombuffer(raw, np.uint8).reshape(len(masks), -1)
    return ProbeSet(Epoch(cell, hour), Modality(modality), model, codes, tuple(FaceMask(m) for m in masks))


def _info(case: str) -> bytes:
    return f"cairn/v1 probe set {case}".encode()
