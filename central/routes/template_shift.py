"""How near strangers are to one patient's template: some faces look like many, others like nobody.

The calibration knows strangers in the mean over all templates; a search shows how many are within the radius of this
one. Normalising scores by what the probe at hand says to strangers is usual in speaker and face verification (Z-norm
and T-norm, Auckenthaler et al. 2000). Only doubt is learned this way: that few are near makes nobody surer, because a
look-alike is no part of the crowd.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from central.routes.camera_graph import Floats
from central.routes.observations import Observations, Shifts
from central.routes.searched import Searched
from central.search.candidates import Candidate
from shared.calibration.curves import Calibration
from shared.epochs import Modality

_MOST_BITS = 100


def template_shifts(seen: Observations, confidence: Floats, searched: Searched, calibration: Calibration) -> Shifts:
    """Bits, 0 or more, by modality by which strangers are nearer than usual: the most likely (MAP), given how many of
    the `searched` sightings are candidates and, by `confidence` [n], probably not the patient."""
    shifts = {}
    for modality, spread in calibration.template_spread.items():
        compared = [
            (part, float(confidence[j]))
            for j, parts in enumerate(seen.parts)
            for part in parts
            if part.modality is modality
        ]
        if compared and spread > 0 and searched.sightings.get(modality, 0) > 0:
            parts, patients = zip(*compared, strict=True)
            strangers = max(seen.found[modality] - sum(patients), 0.0)
            shifts[modality] = _shift(parts, strangers, searched, (calibration, spread, modality))
    return shifts


def _shift(
    parts: Sequence[Candidate], strangers: float, searched: Searched, of: tuple[Calibration, float, Modality]
) -> int:
    """Counts within the radius are Poisson, the shift is normal with the spread of the population of templates."""
    calibration, spread, modality = of
    shifts = np.arange(_MOST_BITS + 1)
    reach = [calibration.curve(part).tables(nearest_of=searched.pictures(part)).other_reach for part in parts]
    radius = max(searched.reach(modality), *(part.distance for part in parts))
    expected = searched.sightings[modality] / np.mean([1 / _reach(one, radius + shifts) for one in reach], axis=0)
    return int(shifts[np.argmax(strangers * np.log(expected) - expected - (shifts / spread) ** 2 / 2)])


def _reach(other_reach: Floats, distances: np.ndarray[tuple[int], np.dtype[np.intp]]) -> Floats:
    return np.asarray(other_reach[distances.clip(0, len(other_reach) - 1)])
