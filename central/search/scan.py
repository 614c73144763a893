"""Compare the codes of one opened batch with a probe: pure, and the only place where a hit is decided."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from central.probes.probe_sets import ProbeSet
from central.search.kernel import Int32, UInt8, distances
from shared.epochs import Modality
from shared.face_mask import FaceMask
from shared.sighting_columns import SightingColumns


@dataclass(frozen=True, slots=True)
class Hits:
    """Rows of a batch within the radius, and how many bits each differs from its nearest fitting probe."""

    rows: npt.NDArray[np.int64]
    distances: Int32


Int64 = npt.NDArray[np.int64]
Numbers = float | npt.NDArray[Any]
_CLEAR = (FaceMask.WORN, FaceMask.ABSENT)
_UNCLEAR = np.array([kind not in _CLEAR for kind in sorted(FaceMask)])
_NONE = Hits(np.empty(0, np.int64), np.empty(0, np.int32))


def scan(columns: SightingColumns, probe: ProbeSet, radius: int) -> Hits:
    """Sightings of one batch whose code differs from a fitting probe in `radius` bits or fewer."""
    codes = codes_of(columns, probe.modality)
    if not len(codes) or not len(probe.codes):
        return _NONE
    counted = distances(codes, probe.codes)
    return within(columns, probe, radius, counted) if counted.min() <= reach(probe, radius) else _NONE


def within(columns: SightingColumns, probe: ProbeSet, radius: int, counted: Int32) -> Hits:
    """The same where the distances [m, n] have been counted already."""
    bits = probe.codes.shape[1] * 8
    suits = fitting(columns.mask, probe.modality, probe.masks)
    nearest = np.where(suits.T, counted, bits + 1).min(axis=0)
    rows = np.flatnonzero(present(columns, probe.modality) & (nearest <= reach(probe, radius)))
    found = all_narrowed(nearest[rows], bits, probe.fidelity).astype(np.int32)
    return Hits(rows[found <= radius], found[found <= radius])


def reach(probe: ProbeSet, radius: int) -> int:
    """The largest distance of a code to this probe that can lie within the radius."""
    return radius if probe.fidelity == 1 else widened(radius, probe.codes.shape[1] * 8, probe.fidelity)


def codes_of(columns: SightingColumns, modality: Modality) -> UInt8:
    """The codes [n, b] of one modality; all zeros where a sighting has none."""
    return columns.face if modality is Modality.FACE else columns.appearance


def present(columns: SightingColumns, modality: Modality) -> npt.NDArray[np.bool_]:
    """Which sightings have a code of that modality."""
    return columns.has_face if modality is Modality.FACE else columns.has_appearance


def widened(distance: int, bits: int, fidelity: float) -> int:
    """How far off a handed-on code lies where one that was encoded once would be `distance` bits away.

    P(bit differs) = angle/π (Charikar 2002), and what is lost in between shortens cosines by the fidelity.
    """
    return round(bits * math.acos(fidelity * math.cos(math.pi * distance / bits)) / math.pi)


def narrowed(distance: int, bits: int, fidelity: float) -> int:
    """The inverse: the distance that the curves of a calibration are for."""
    return int(all_narrowed(np.array([distance]), bits, fidelity)[0])


def all_narrowed(distances: npt.NDArray[Any], bits: Numbers, fidelity: Numbers) -> Int64:
    """The same for many distances, each with its own bits and fidelity where these are arrays."""
    cosine = np.cos(np.pi * distances / bits) / fidelity
    narrow = np.rint(bits * np.arccos(np.clip(cosine, -1.0, 1.0)) / np.pi)
    return np.asarray(np.where(np.equal(fidelity, 1.0), distances, narrow).astype(np.int64))


def fitting(masks: UInt8, modality: Modality, probes: Sequence[FaceMask]) -> npt.NDArray[np.bool_]:
    """Which probes [n, m], by their masks, suit which sightings: a covered face is compared with a covered template.

    Half-worn and unknown faces are compared with all, and so are all when the patient gave only one kind.
    """
    of_probe = np.asarray(probes, np.uint8)
    if modality is not Modality.FACE or not all((of_probe == kind).any() for kind in _CLEAR):
        return np.ones((len(masks), len(of_probe)), np.bool_)
    either = _UNCLEAR[masks][:, None] | _UNCLEAR[of_probe][None, :]
    return np.asarray(either | (masks[:, None] == of_probe[None, :]), np.bool_)
