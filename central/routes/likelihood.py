"""Which calibration the centre reads distances by: how much likelier one is for the patient than for a stranger.

The numbers come from a dated calibration of exactly the models that made the codes; another model's is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from central.errors import BadSettings
from central.settings import CentreSettings
from shared.calibration.curves import Calibration
from shared.calibration.files import read_calibration
from shared.epochs import Modality
from shared.errors import CalibrationMissing

CALIBRATIONS: Final = Path(__file__).parent / "calibrations"


def calibration_of(settings: CentreSettings) -> Calibration:
    """The city's own where the settings name one, else the newest that ships. Raises BadCalibration,
    CalibrationMissing."""
    models = {_modality(name): model for name, model in settings.models.items()}
    place = settings.calibration
    if place is None or place.is_dir():
        return calibration_for(models, place or CALIBRATIONS)
    calibration = read_calibration(place)
    calibration.check(models)
    return calibration


def calibration_for(models: Mapping[Modality, str], folder: Path = CALIBRATIONS) -> Calibration:
    """The newest calibration in the folder that fits all of the models. Raises BadCalibration, CalibrationMissing."""
    known = [read_calibration(path) for path in sorted(folder.glob("*.json"))]
    fitting = [one for one in known if all(one.models.get(modality) == model for modality, model in models.items())]
    if not fitting:
        names = ", ".join(model[:63] for model in models.values()) or "any model"
        raise CalibrationMissing(f"no calibration fits {names}", hint="measure these models and add their calibration")
    return max(fitting, key=lambda one: (one.measured, one.name))


def _modality(name: str) -> Modality:
    try:
        return Modality(name)
    except ValueError:
        raise BadSettings(f"there is no modality {name[:20]!r}", hint="models are of face or appearance") from None
