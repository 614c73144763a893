"""Candidates as numbers: one observation a sighting, face and clothes together, in one order whatever the input's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from central.routes.camera_graph import CameraGraph, Floats, Indices
from central.routes.likelihood import Calibration
from central.search.candidates import Candidate
from central.search.job import DEFAULT_RADIUS
from shared.epochs import Modality

# More than these are not weighed against each other: their number is squared. The likeliest are kept.
MOST = 5_000
_MODALITIES = tuple(Modality)

Shifts = Mapping[Modality, int]
NO_SHIFTS: Shifts = {}


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """n sightings in order of time; times are seconds since the window began.

    `log_ratio` [n] is ln P(distances | patient)/P(distances | stranger). The scores [n, modalities] are standard normal
    under each of the two, and nan where a modality was not compared. `stands_for` [n] is how many strangers' sightings
    are searched for one such hit. `parts` are the candidates of each sighting, one a modality, the first of which
    stands for it in `candidates`.
    """

    candidates: tuple[Candidate, ...]
    parts: tuple[tuple[Candidate, ...], ...]
    camera: Indices
    start: Floats
    end: Floats
    log_ratio: Floats
    same_score: Floats
    other_score: Floats
    stands_for: Floats
    unplaced: int

    def __len__(self) -> int:
        return len(self.candidates)


def observe(
    candidates: Iterable[Candidate],
    graph: CameraGraph,
    window: tuple[datetime, datetime],
    calibration: Calibration,
    shifts: Shifts = NO_SHIFTS,
) -> Observations:
    """Set aside what cannot be placed, join modalities, weigh. `shifts` say how much nearer than usual strangers are to
    this patient, in bits by modality. Raises CalibrationMissing."""
    known = list(candidates)
    placed = [one for one in known if _fits(one, graph, window)]
    sightings = [_Weighed.of(parts, calibration, shifts) for parts in _by_sighting(placed)]
    kept = sorted(sightings, key=lambda one: (-one.log_ratio, one.order))[:MOST]
    ordered = sorted(kept, key=lambda one: one.order)
    heads = [one.parts[0] for one in ordered]
    return Observations(
        candidates=tuple(heads),
        parts=tuple(one.parts for one in ordered),
        camera=np.array([graph.index[one.camera] for one in heads], np.intp),
        start=np.array([(one.start - window[0]).total_seconds() for one in heads], np.float64),
        end=np.array([(one.end - window[0]).total_seconds() for one in heads], np.float64),
        log_ratio=np.array([one.log_ratio for one in ordered], np.float64),
        same_score=np.array([one.same_score for one in ordered], np.float64).reshape(-1, len(_MODALITIES)),
        other_score=np.array([one.other_score for one in ordered], np.float64).reshape(-1, len(_MODALITIES)),
        stands_for=np.array([one.stands_for for one in ordered], np.float64),
        unplaced=len(known) - len(placed) + len(sightings) - len(kept),
    )


def _fits(one: Candidate, graph: CameraGraph, window: tuple[datetime, datetime]) -> bool:
    """Known camera, in the cell whose key was used, at a time that can be, within the window."""
    place = graph.places.get(one.camera)
    if place is None or place.cell != one.epoch.cell:
        return False
    return one.start <= one.end and one.start < window[1] and one.end >= window[0]


def _by_sighting(candidates: Iterable[Candidate]) -> list[list[Candidate]]:
    """The candidates of each sighting, the nearest of each modality, face first."""
    nearest: dict[str, dict[Modality, Candidate]] = {}
    for one in sorted(candidates, key=lambda c: (c.distance, c.start, c.end, c.camera, c.mask, -c.quality)):
        nearest.setdefault(one.sighting, {}).setdefault(one.modality, one)
    return [[found[m] for m in _MODALITIES if m in found] for found in nearest.values()]


@dataclass(frozen=True, slots=True)
class _Weighed:
    parts: tuple[Candidate, ...]
    log_ratio: float
    same_score: list[float]
    other_score: list[float]
    stands_for: float

    @classmethod
    def of(cls, parts: list[Candidate], calibration: Calibration, shifts: Shifts) -> _Weighed:
        nowhere = dict.fromkeys(_MODALITIES, float("nan"))
        ratio, same, other, reach = 0.0, dict(nowhere), dict(nowhere), []
        for one in parts:
            tables = calibration.curve(one).tables(shifts.get(one.modality, 0))
            ratio += float(tables.log_ratio[one.distance])
            same[one.modality] = float(tables.same_score[one.distance])
            other[one.modality] = float(tables.other_score[one.distance])
            reach.append(float(tables.other_reach[max(DEFAULT_RADIUS[one.modality], one.distance)]))
        return cls(tuple(parts), ratio, list(same.values()), list(other.values()), 1 / reach[0])

    @property
    def order(self) -> tuple[datetime, datetime, str]:
        head = self.parts[0]
        return head.start, head.end, head.sighting
