"""Candidates as numbers: one observation a sighting, face and clothes together, in one order whatever the input's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from central.routes.camera_graph import VIEW_M, CameraGraph, Floats, Indices
from central.routes.likeliest import likeliest
from central.routes.searched import UNKNOWN, Searched
from central.search.candidates import Candidate, Candidates
from shared.calibration.curves import Calibration
from shared.epochs import Modality

# More than these are not weighed against each other: their number is squared. The likeliest are kept.
MOST = 1_500
# How far somebody is from where a box says that they are; without a position they are anywhere in the camera's view.
SPOT_SD_M = 0.5
_MODALITIES = tuple(Modality)

Shifts = Mapping[Modality, int]
NO_SHIFTS: Shifts = {}


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """n sightings in order of time; times are seconds since the window began. `parts` are the candidates of each, one a
    modality, the first of which stands for it. `spot` [n, 2] is where the person was in the `middle` of the time,
    metres east and north of the cameras' middle, give or take `spot_sd_m`. `unplaced` candidates were set aside;
    `found` counts those that fitted, by modality, whether or not there was room for them."""

    parts: tuple[tuple[Candidate, ...], ...]
    camera: Indices
    start: Floats
    end: Floats
    spot: Floats
    spot_sd_m: Floats
    unplaced: int
    found: Mapping[Modality, int]

    @property
    def middle(self) -> Floats:
        return (self.start + self.end) / 2

    def __len__(self) -> int:
        return len(self.parts)


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the distances of n sightings say.

    `log_ratio` [n] is ln P(distances | patient)/P(distances | stranger). The scores [modalities, n] are standard normal
    under each of the two, and nan where a modality was not compared; the correlations [modalities, n] are those of two
    scores of one person. `stands_for` [n] is how many strangers' sightings
    are searched for one such hit.
    """

    log_ratio: Floats
    same_score: Floats
    other_score: Floats
    same_correlation: Floats
    other_correlation: Floats
    stands_for: Floats


def observe(
    candidates: Iterable[Candidate],
    graph: CameraGraph,
    window: tuple[datetime, datetime],
    calibration: Calibration,
    confirmed: Collection[str] = (),
    searched: Searched = UNKNOWN,
) -> Observations:
    """Set aside what cannot be placed, join modalities, put in order; `confirmed` sightings are never one too many.

    Raises CalibrationMissing.
    """
    chosen = None
    if isinstance(candidates, Candidates):
        chosen = likeliest(candidates, graph, window, calibration, confirmed, searched, MOST)
    known = list(chosen.candidates if chosen else candidates)
    placed = [one for one in known if _fits(one, graph, window)]
    sightings = _by_sighting(placed)
    ratio = weigh(sightings, calibration, searched).log_ratio
    always = {k for k, parts in enumerate(sightings) if parts[0].sighting in confirmed}
    best = sorted(range(len(sightings)), key=lambda k: (k not in always, -ratio[k], _order(sightings[k])))[:MOST]
    kept = sorted((sightings[k] for k in best), key=_order)
    heads = [parts[0] for parts in kept]
    camera = np.array([graph.index[one.camera] for one in heads], np.intp)
    aside = np.array([_aside(one) for one in heads], np.float64).reshape(-1, 2)
    return Observations(
        parts=tuple(kept),
        camera=camera,
        spot=graph.flat_m[camera] + np.nan_to_num(aside),
        spot_sd_m=np.where(np.isnan(aside).any(axis=1), VIEW_M, SPOT_SD_M),
        start=np.array([(one.start - window[0]).total_seconds() for one in heads], np.float64),
        end=np.array([(one.end - window[0]).total_seconds() for one in heads], np.float64),
        unplaced=len(known) - len(placed) + len(sightings) - len(kept) + (chosen.left_out if chosen else 0),
        found=chosen.found if chosen else Counter(part.modality for parts in sightings for part in parts),
    )


def weigh(
    sightings: Sequence[Sequence[Candidate]],
    calibration: Calibration,
    searched: Searched = UNKNOWN,
    shifts: Shifts = NO_SHIFTS,
) -> Evidence:
    """The evidence of each sighting's candidates; `shifts` are by how many bits strangers are nearer than usual to this
    patient, by modality. Raises CalibrationMissing."""
    n = len(sightings)
    same, other = np.full((2, len(_MODALITIES), n), np.nan)
    same_r, other_r = np.zeros((2, len(_MODALITIES), n))
    ratio, stands_for = np.zeros(n), np.ones(n)
    for k, parts in enumerate(sightings):
        for one in reversed(parts):  # the first decides what the hit stands for
            curve, row = calibration.curve(one), _MODALITIES.index(one.modality)
            tables = curve.tables(shifts.get(one.modality, 0), searched.pictures(one))
            if not _itself(one, parts, searched):
                ratio[k] += tables.log_ratio[one.distance]
                same[row, k], other[row, k] = tables.same_score[one.distance], tables.other_score[one.distance]
                same_r[row, k], other_r[row, k] = curve.same_correlation, curve.other_correlation
            stands_for[k] = 1 / tables.other_reach[max(searched.reach(one.modality), one.distance)]
    return Evidence(ratio, same, other, same_r, other_r, stands_for)


def _itself(one: Candidate, parts: Sequence[Candidate], searched: Searched) -> bool:
    """Whether this is a sighting that was confirmed by its face and whose own clothes were handed on: in its own epoch
    they are found again, bit by bit, which says nothing of who it is."""
    known = one.sighting in searched.sources or one.distance == 0
    return one.modality is Modality.APPEARANCE and known and len(parts) > 1


def _fits(one: Candidate, graph: CameraGraph, window: tuple[datetime, datetime]) -> bool:
    """Known camera, in the cell whose key was used, at a time that can be, within the window."""
    place = graph.places.get(one.camera)
    if place is None or place.cell != one.epoch.cell:
        return False
    return one.start <= one.end and one.start < window[1] and one.end >= window[0]


def _by_sighting(candidates: Iterable[Candidate]) -> list[tuple[Candidate, ...]]:
    """The candidates of each sighting, the nearest of each modality, face first."""
    nearest: dict[str, dict[Modality, Candidate]] = {}
    for one in sorted(candidates, key=lambda c: (c.distance, c.start, c.end, c.camera, c.mask, -c.quality)):
        nearest.setdefault(one.sighting, {}).setdefault(one.modality, one)
    return [tuple(found[m] for m in _MODALITIES if m in found) for found in nearest.values()]


def _order(parts: Sequence[Candidate]) -> tuple[datetime, datetime, str]:
    return parts[0].start, parts[0].end, parts[0].sighting


def _aside(one: Candidate) -> tuple[float, float]:
    """Metres east and north of the camera; nan where not measured."""
    known = one.east_m is not None and one.north_m is not None
    return (one.east_m, one.north_m) if known else (np.nan, np.nan)  # type: ignore[return-value]
