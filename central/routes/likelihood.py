"""What a distance says: how much likelier it is for the patient than for a stranger, by mask and quality.

The numbers come from a dated calibration of exactly the models that made the codes; another model's is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from central.routes.distances import Bulk, Curve, Floats, Tail
from central.search.candidates import Candidate
from shared.epochs import Modality
from shared.errors import BadInput, Refused
from shared.face_mask import FaceMask
from shared.ids import check_id

CALIBRATIONS: Final = Path(__file__).parent / "calibrations"
VERSION: Final = 1


class BadCalibration(BadInput):
    """A calibration cannot be read, or leaves a kind of sighting out."""


class CalibrationMissing(Refused):
    """No calibration was made with the models that made these codes."""


@dataclass(frozen=True, slots=True)
class Band:
    """A curve and the sightings that it is for: mask states, quality from `lowest` up, and the kind of template."""

    masks: frozenset[FaceMask]
    lowest: float
    masked_template: bool
    curve: Curve


@dataclass(frozen=True)
class Calibration:
    """Curves by modality, and the models that they hold for.

    `template_spread` is by how many bits strangers are nearer to one patient's template than to another's (standard
    deviation). `masked_template` says that the template has a masked face too, as registration makes it.
    """

    name: str
    measured: str
    how: str
    models: Mapping[Modality, str]
    bands: Mapping[Modality, Sequence[Band]]
    template_spread: Mapping[Modality, float] = field(default_factory=dict)
    masked_template: bool = True

    def check(self, models: Mapping[Modality, str]) -> None:
        """Raises CalibrationMissing unless every one of the models is the one that was calibrated."""
        for modality, model in models.items():
            if self.models.get(modality) != model:
                known = self.models.get(modality, "none")
                hint = f"this calibration holds for {known}; measure {model[:63]} and add its calibration"
                raise CalibrationMissing(f"no calibration of the {modality} model {model[:63]}", hint=hint)

    def curve(self, candidate: Candidate) -> Curve:
        """The curve for one candidate. Raises CalibrationMissing for a modality or code length without one."""
        for band in self._bands.get((candidate.modality, candidate.mask), ()):
            if band.curve.bits == candidate.bits and candidate.quality >= band.lowest:
                return band.curve
        what = f"{candidate.modality} codes of {candidate.bits} bits"
        raise CalibrationMissing(f"no calibration of {what}", hint="use the calibration of the models in use")

    def correlations(self) -> tuple[Floats, Floats]:
        """How alike two sightings of the patient score, and two of one stranger, by modality [2]; means over bands."""
        same, other = (
            np.array([np.mean([get(b) for b in self.bands.get(m, ())] or [0.0]) for m in Modality])
            for get in (_same_correlation, _other_correlation)
        )
        return same, other

    def for_template(self, masked: bool) -> Calibration:
        """The same for a patient who gave a template with a face mask too, or none."""
        return replace(self, masked_template=masked)

    @cached_property
    def _bands(self) -> dict[tuple[Modality, FaceMask], list[Band]]:
        """Bands by modality and mask, the best quality first; those of the patient's kind of template before others."""
        found = {}
        for modality, bands in self.bands.items():
            for mask in FaceMask:
                fitting = [band for band in bands if mask in band.masks]
                own = [band for band in fitting if band.masked_template == self.masked_template] or fitting
                found[modality, mask] = sorted(own, key=lambda band: -band.lowest)
        return found


def _same_correlation(band: Band) -> float:
    return band.curve.same_correlation


def _other_correlation(band: Band) -> float:
    return band.curve.other_correlation


def read_calibration(path: Path) -> Calibration:
    """Raises BadCalibration."""
    try:
        return calibration_from_map(json.loads(path.read_bytes()))
    except OSError:
        raise BadCalibration(f"there is no calibration {path.name}", hint="name a file that exists") from None
    except ValueError:
        raise BadCalibration(f"{path.name} is no JSON", hint="measure it again, or restore it") from None


def calibration_for(models: Mapping[Modality, str], folder: Path = CALIBRATIONS) -> Calibration:
    """The newest calibration in the folder that fits all of the models. Raises CalibrationMissing."""
    known = [read_calibration(path) for path in sorted(folder.glob("*.json"))]
    fitting = [one for one in known if all(one.models.get(modality) == model for modality, model in models.items())]
    if not fitting:
        names = ", ".join(model[:63] for model in models.values())
        raise CalibrationMissing(f"no calibration fits {names}", hint="measure these models and add their calibration")
    return max(fitting, key=lambda one: (one.measured, one.name))


def calibration_from_map(value: Mapping[str, Any]) -> Calibration:
    """A calibration from the plain values of its file. Raises BadCalibration."""
    try:
        if value["version"] != VERSION:
            raise BadCalibration(f"calibration version {value['version']!r} is unknown", hint="update this software")
        parts = {Modality(name): part for name, part in value["modalities"].items()}
        models = {modality: check_id(part["model"], "model") for modality, part in parts.items()}
        bands = {modality: [_band(row, part["bits"]) for row in part["bands"]] for modality, part in parts.items()}
        spread = {modality: float(part["template_spread"]) for modality, part in parts.items()}
        calibration = Calibration(value["name"], value["measured"], value["how"], models, bands, spread)
    except BadCalibration:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, BadInput):
        raise BadCalibration("a calibration is malformed", hint="measure it again") from None
    _check_complete(calibration)
    return calibration


def calibration_to_map(calibration: Calibration) -> dict[str, Any]:
    """The inverse of calibration_from_map."""
    modalities = {
        modality.value: {
            "model": calibration.models[modality],
            "bits": bands[0].curve.bits,
            "template_spread": calibration.template_spread.get(modality, 0.0),
            "bands": [_band_to_map(band) for band in bands],
        }
        for modality, bands in calibration.bands.items()
    }
    about = {"name": calibration.name, "measured": calibration.measured, "how": calibration.how}
    return {"version": VERSION, **about, "modalities": modalities}


def _band(row: Mapping[str, Any], bits: int) -> Band:
    same, other, tail = Bulk(*row["same"]), Bulk(*row["other"]), Tail(*row["tail"])
    sound = all(0 < law.mean < 1 and 0 < law.spread < 1 for law in (same, other)) and 0 < tail.below <= bits
    if not (sound and 0 < tail.share < 1 and tail.scale > 0):
        raise ValueError
    correlations = [float(row[name]) for name in ("same_correlation", "other_correlation")]
    if not all(0 <= r < 1 for r in correlations):
        raise ValueError
    masks = frozenset(FaceMask.from_label(label) for label in row["masks"])
    curve = Curve(bits, same, other, tail, *correlations)
    return Band(masks, float(row["lowest_quality"]), bool(row["masked_template"]), curve)


def _band_to_map(band: Band) -> dict[str, Any]:
    curve = band.curve
    return {
        "masks": [mask.label for mask in sorted(band.masks)],
        "lowest_quality": band.lowest,
        "masked_template": band.masked_template,
        "same": [curve.same.mean, curve.same.spread],
        "other": [curve.other.mean, curve.other.spread],
        "tail": [curve.tail.below, curve.tail.share, curve.tail.scale],
        "same_correlation": curve.same_correlation,
        "other_correlation": curve.other_correlation,
    }


def _check_complete(calibration: Calibration) -> None:
    for modality, bands in calibration.bands.items():
        for mask in FaceMask:
            for masked in (False, True):
                fits = [b for b in bands if mask in b.masks and b.lowest <= 0 and b.masked_template in (False, masked)]
                if not fits:
                    why = f"the calibration has no {modality} curve for mask {mask.label} at every quality"
                    raise BadCalibration(why, hint="measure that kind too")
