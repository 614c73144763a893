"""The file of a calibration: JSON, complete for every mask state and quality of the modalities that it has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from shared.calibration.curves import Band, Calibration
from shared.calibration.laws import Bulk, Curve, Tail
from shared.epochs import Modality
from shared.errors import BadCalibration, BadInput
from shared.face_mask import FaceMask
from shared.ids import check_id

VERSION: Final = 1


def read_calibration(path: Path) -> Calibration:
    """Raises BadCalibration."""
    try:
        return calibration_from_map(json.loads(path.read_bytes()))
    except OSError:
        raise BadCalibration(f"there is no calibration {path.name}", hint="name a file that exists") from None
    except ValueError:
        raise BadCalibration(f"{path.name} is no JSON", hint="measure it again, or restore it") from None


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
