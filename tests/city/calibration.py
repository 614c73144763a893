"""The calibration of the simulated face model, measured on a city of its own, never on one that is scored with it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import numpy.typing as npt

from central.routes.distances import Curve, fit
from central.routes.likelihood import Band, Calibration
from shared.codes import FACE_BITS, encode, hamming
from shared.epochs import Modality
from shared.face_mask import FaceMask
from tests.city.city import City, make_city
from tests.city.plan import CityPlan
from tests.city.streets import Floats, Ints
from tests.city.watching import Sightings
from tests.city.write import faces, references

_OTHER_SEED = 104_729
_BARE = frozenset({FaceMask.ABSENT, FaceMask.INCORRECT, FaceMask.UNKNOWN})
_KINDS = (_BARE, frozenset({FaceMask.WORN}))
_QUALITIES = (0.0, 0.35, 0.6)


def measured_calibration(plan: CityPlan, people: int = 2000, patients: int = 40) -> Calibration:
    """Distances of sightings to the nearer of two references, by mask and quality, in another city of this kind.

    Look-alikes are left out of it: how many a patient has is what no calibration can know.
    """
    other = replace(
        plan, seed=plan.seed + _OTHER_SEED, people=people, patients=patients, cameras=150, look_alikes=0, days=1
    )
    city = make_city(other)
    seen = city.sightings.take(city.sightings.has_face)
    key = bytes(32)
    codes = encode(np.concatenate(list(faces(city))), key, FACE_BITS)
    templates = encode(references(city), key, FACE_BITS)
    nearest = np.stack(
        [np.minimum(hamming(codes, templates[2 * k]), hamming(codes, templates[2 * k + 1])) for k in range(patients)]
    )
    bands = [_band(city, seen, nearest, masks, at) for masks in _KINDS for at in range(len(_QUALITIES))]
    return Calibration(
        name="simulated",
        measured=datetime(2026, 11, 25, tzinfo=UTC).date().isoformat(),
        how=f"tests/city, {people} people, {patients} patients",
        models={Modality.FACE: plan.face_model},
        bands={Modality.FACE: tuple(bands)},
    )


def _band(city: City, seen: Sightings, nearest: npt.NDArray[np.int32], masks: frozenset[FaceMask], at: int) -> Band:
    upper = [*_QUALITIES[1:], 2.0][at]
    kept = np.isin(seen.mask, [int(mask) for mask in masks]) & (seen.quality >= _QUALITIES[at]) & (seen.quality < upper)
    person = seen.person[kept]
    own = np.stack([person == patient.person for patient in city.patients])
    distances = nearest[:, kept].astype(np.int64)
    whose = np.arange(len(own))[:, None] * city.plan.people + person[None]
    same, other = distances[own], distances[~own]
    laws = fit(same, other, FACE_BITS)
    alike = [_alike(values.astype(np.float64), whose[rows]) for values, rows in ((same, own), (other, ~own))]
    return Band(masks, _QUALITIES[at], False, Curve(FACE_BITS, *laws, *alike))


def _alike(values: Floats, group: Ints) -> float:
    """The correlation of two values of one group (intraclass, one-way; Fisher 1925), at least 0."""
    _, of, counts = np.unique(group, return_inverse=True, return_counts=True)
    sums, squares = np.bincount(of, values), np.bincount(of, values**2)
    several = counts > 1
    within = float((squares - sums**2 / counts)[several].sum() / (counts - 1)[several].sum())
    return float(min(max(1 - within / values.var(), 0.0), 0.95))
