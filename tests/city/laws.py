"""How the simulator's clothes are distributed, measured on a city of its own; its faces follow what people's do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from central.routes.likelihood import calibration_for
from edge.calibrate.bands import of_clothes
from shared.calibration.curves import Calibration
from shared.calibration.laws import Curve
from shared.codes import APPEARANCE_BITS, encode, hamming
from shared.epochs import Modality
from tests.city.clothes import clothes_vectors
from tests.city.plan import CityPlan

_SEED, _PEOPLE, _PICTURES = 987_654, 400, 4
_NEAR = -2.3  # the nearest in a hundred, where a search looks
_KEY = bytes(range(32))


def calibration(plan: CityPlan) -> Calibration:
    """The newest calibration of the plan's face model, with the clothes of the plan measured anew.

    Each person of another city is a template once, and seen a few times.
    """
    of_faces = calibration_for({Modality.FACE: plan.face_model})
    other = replace(plan, seed=_SEED, people=_PEOPLE, days=1)
    person = np.repeat(np.arange(_PEOPLE), _PICTURES)
    vectors = np.concatenate(list(clothes_vectors(other, person, np.zeros(len(person)))))
    codes = encode(vectors, _KEY, APPEARANCE_BITS).reshape(_PEOPLE, _PICTURES, -1)
    seen = codes[:, 1:].reshape(_PEOPLE * (_PICTURES - 1), -1)
    people = np.arange(_PEOPLE).astype(str)
    distances = hamming(codes[:, None, 0], seen[None]).astype(np.int64)[:, :, None]
    measured = of_clothes(people, people.repeat(_PICTURES - 1), distances)
    (band,) = measured.bands
    near = _near_correlation(band.curve, distances.reshape(_PEOPLE, _PEOPLE, -1))
    band = replace(band, curve=replace(band.curve, other_correlation=near))
    return replace(
        of_faces,
        name=f"{of_faces.name} and {plan.appearance_model}",
        models={**of_faces.models, Modality.APPEARANCE: plan.appearance_model},
        bands={**of_faces.bands, Modality.APPEARANCE: [band]},
        template_spread={**of_faces.template_spread, Modality.APPEARANCE: measured.spread},
    )


def _near_correlation(curve: Curve, distances: npt.NDArray[np.int64]) -> float:
    """How much of a near stranger's nearness [templates, people, pictures] is left in their next picture: fashions make
    look-alikes more alike than the correlation over all strangers says."""
    score = curve.tables().other_score[distances[~np.eye(len(distances), dtype=bool)]]
    near = score[:, 0] < _NEAR
    return float(score[near, 1].mean() / score[near, 0].mean())
