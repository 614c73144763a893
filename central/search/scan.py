"""Compare the face codes of one opened batch with a probe: pure, and the only place where a hit is decided."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from central.probes.probe_sets import ProbeSet
from central.search.candidates import Candidate, Partner
from shared.epochs import Modality
from shared.face_mask import FaceMask
from shared.sightings import Encounter, SightingColumns, sighting_id

UInt8 = npt.NDArray[np.uint8]
Int32 = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Hits:
    """Rows of a batch within the radius, and how many bits each differs from its nearest probe."""

    rows: npt.NDArray[np.int64]
    distances: Int32


def scan(columns: SightingColumns, probe: ProbeSet, radius: int) -> tuple[Candidate, ...]:
    """Candidates of one batch: sightings whose code differs from a fitting probe in `radius` bits or fewer."""
    codes, present = _codes(columns, probe.modality)
    if not present.any() or not len(probe.codes):
        return ()
    distances = nearest(codes, probe.codes, fitting(columns.mask, probe))
    rows = np.flatnonzero(present & (distances <= radius))
    return _candidates(columns, probe, Hits(rows, distances[rows]))


def nearest(codes: UInt8, probes: UInt8, valid: npt.NDArray[np.bool_]) -> Int32:
    """Smallest Hamming distance [n] of codes [n, b] to the probes [m, b] that `valid` [n, m] allows.

    Rows without any allowed probe get one more than the number of bits. b is a multiple of 8: 64-bit words
    let numpy count at the memory's speed, without a compiler in the worker (tests/bench/bench_scan.py).
    """
    words, probe_words = (np.ascontiguousarray(x).view(np.uint64) for x in (codes, probes))
    best = np.full(len(codes), codes.shape[1] * 8 + 1, np.int32)
    for j in range(len(probes)):
        distance = np.bitwise_count(words ^ probe_words[j]).sum(axis=1, dtype=np.int32)
        np.minimum(best, distance, out=best, where=valid[:, j])
    return best


def fitting(masks: UInt8, probe: ProbeSet) -> npt.NDArray[np.bool_]:
    """Which probes [n, m] suit which sightings: a covered face is compared with a covered template.

    Half-worn and unknown faces are compared with all, and so are all when the patient gave only one kind.
    """
    of_probe = np.asarray(probe.masks, np.uint8)
    clear = (FaceMask.WORN, FaceMask.ABSENT)
    if probe.modality is not Modality.FACE or not all((of_probe == kind).any() for kind in clear):
        return np.ones((len(masks), len(of_probe)), np.bool_)
    either = ~np.isin(masks, clear)[:, None] | ~np.isin(of_probe, clear)[None, :]
    return np.asarray(either | (masks[:, None] == of_probe[None, :]), np.bool_)


def _codes(columns: SightingColumns, modality: Modality) -> tuple[UInt8, npt.NDArray[np.bool_]]:
    if modality is Modality.FACE:
        return columns.face, columns.has_face
    return columns.appearance, columns.has_appearance


def _candidates(columns: SightingColumns, probe: ProbeSet, hits: Hits) -> tuple[Candidate, ...]:
    partners = _partners(columns) if len(hits.rows) else {}
    return tuple(
        _candidate(columns, probe, int(row), int(distance), partners)
        for row, distance in zip(hits.rows, hits.distances, strict=True)
    )


def _candidate(
    columns: SightingColumns, probe: ProbeSet, row: int, distance: int, partners: dict[int, list[Partner]]
) -> Candidate:
    seen = columns.sighting(row)
    return Candidate(
        sighting=sighting_id(columns.node, columns.boot, seen.number),
        node=columns.node,
        camera=seen.camera,
        start=seen.start,
        end=seen.end,
        modality=probe.modality,
        distance=distance,
        bits=probe.codes.shape[1] * 8,
        mask=seen.mask,
        quality=seen.quality,
        east_m=seen.east_m,
        north_m=seen.north_m,
        epoch=columns.epoch,
        partners=tuple(partners.get(seen.number, ())),
    )


def _partners(columns: SightingColumns) -> dict[int, list[Partner]]:
    masks = dict(zip(columns.number.tolist(), map(FaceMask, columns.mask.tolist()), strict=True))
    partners: dict[int, list[Partner]] = defaultdict(list)
    for met in columns.encounters:
        partners[met.a].append(_partner(met, met.b, masks))
        partners[met.b].append(_partner(met, met.a, masks))
    return partners


def _partner(met: Encounter, number: int, masks: dict[int, FaceMask]) -> Partner:
    # The other sighting may travel in another batch of the epoch; then its mask is not known here.
    mask = masks.get(number, FaceMask.UNKNOWN)
    return Partner(number, met.start, met.end, met.min_distance_m, met.distance_error_m, mask)


def merged(parts: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """One candidate a sighting and modality, the nearest, in order of time."""
    best: dict[tuple[str, Modality], Candidate] = {}
    for part in parts:
        key = (part.sighting, part.modality)
        if key not in best or part.distance < best[key].distance:
            best[key] = part
    return tuple(sorted(best.values(), key=lambda c: (c.start, c.sighting)))
