"""A calibration in words and a few numbers: whose distances, by which models, and how far a search then looks."""

from __future__ import annotations

from typing import Any

import numpy as np

from shared.calibration.curves import Calibration
from shared.epochs import Modality
from shared.face_mask import FaceMask

_AT = 1e-3  # of strangers; where the figures of recognition are compared too


def described(calibration: Calibration) -> dict[str, Any]:
    """Plain values. `accepted` is the share of the patient's codes nearer than all but 1 in 1,000 strangers, by mask
    state, at the lowest and the highest quality that was told apart."""
    return {
        "name": calibration.name,
        "measured": calibration.measured,
        "how": calibration.how,
        "modalities": [_modality(calibration, modality) for modality in calibration.bands],
    }


def _modality(calibration: Calibration, modality: Modality) -> dict[str, Any]:
    bands = calibration.bands[modality]
    return {
        "modality": modality.value,
        "model": calibration.models[modality],
        "bits": bands[0].curve.bits,
        "radius": calibration.radius()[modality],
        "curves": len(bands),
        "accepted": {mask.label: _accepted(calibration, modality, mask) for mask in (FaceMask.ABSENT, FaceMask.WORN)},
        "how": calibration.origins.get(modality, calibration.how),
    }


def _accepted(calibration: Calibration, modality: Modality, mask: FaceMask) -> list[float]:
    curves = [band.curve for band in calibration.bands_for(modality, mask)]
    shares = []
    for curve in (curves[-1], curves[0]):
        within = int(np.searchsorted(curve.tables().other_reach, _AT))
        shares.append(round(float(np.exp(curve.same.log_pmf(curve.bits))[:within].sum()), 3))
    return shares
