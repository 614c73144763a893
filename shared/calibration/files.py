"""The file of a calibration: JSON, complete for every mask state and quality of the modalities that it has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, Final

from shared.calibration.curves import Band, Calibration
from shared.calibration.laws import Bulk, Curve, Tail
from shared.epochs import Modality
from shared.errors import BadCalibration, BadInput
from shared.face_mask import FaceMask
from shared.ids import check_id

VERSION: Final = 1
_MOST_BYTES: Final = 1 << 20
_MOST_BITS: Final = 4096
_MOST_WORDS: Final = 2000
_MOST_ALIKE: Final = 0.99


def read_calibration(path: Path) -> Calibration:
    """Raises BadCalibration."""
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise BadCalibration(f"{path.name} is too large for a calibration", hint="name the right file")
        return calibration_from_map(json.loads(path.read_bytes()))
    except OSError:
        raise BadCalibration(f"there is no calibration {path.name}", hint="name a file that exists") from None
    except (ValueError, RecursionError):
        raise BadCalibration(f"{path.name} is no JSON", hint="measure it again, or restore it") from None


def calibration_from_map(value: Mapping[str, Any]) -> Calibration:
    """A calibration from the plain values of its file. Raises BadCalibration."""
    try:
        if value["version"] != VERSION:
            raise BadCalibration(
                f"calibration version {value['version']!r:.20} is unknown", hint="update this software"
            )
        calibration = _read(value)
    except BadCalibration:
        raise
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, BadInput):
        raise BadCalibration("a calibration is malformed", hint="measure it again") from None
    _check_complete(calibration)
    return calibration


def calibration_to_map(calibration: Calibration) -> dict[str, Any]:
    """The inverse of calibration_from_map."""
    modalities = {
        modality.value: {
            "model": calibration.models[modality],
            **({"how": calibration.origins[modality]} if modality in calibration.origins else {}),
            "bits": bands[0].curve.bits,
            "template_spread": calibration.template_spread.get(modality, 0.0),
            "bands": [_band_to_map(band) for band in bands],
        }
        for modality, bands in calibration.bands.items()
    }
    about = {"name": calibration.name, "measured": calibration.measured, "how": calibration.how}
    return {"version": VERSION, **about, "modalities": modalities}


def _read(value: Mapping[str, Any]) -> Calibration:
    parts = {Modality(name): part for name, part in value["modalities"].items()}
    return Calibration(
        name=_words(value["name"]),
        measured=date.fromisoformat(value["measured"]).isoformat(),
        how=_words(value["how"]),
        models={modality: check_id(part["model"], "model") for modality, part in parts.items()},
        bands={modality: [_band(row, part["bits"]) for row in part["bands"]] for modality, part in parts.items()},
        template_spread={
            modality: _within(part["template_spread"], 0, part["bits"]) for modality, part in parts.items()
        },
        origins={modality: _words(part["how"]) for modality, part in parts.items() if "how" in part},
    )


def _band(row: Mapping[str, Any], bits: int) -> Band:
    if not isinstance(bits, int) or not 8 <= bits <= _MOST_BITS:
        raise ValueError
    same, other = (Bulk(*(_open(x, 1) for x in row[name])) for name in ("same", "other"))
    below, share, scale = row["tail"]
    tail = Tail(int(_open(below, bits + 1)), _open(share, 1), _open(scale, _MOST_BITS))
    if not same.mean < other.mean or tail.below < 1:
        raise ValueError
    correlations = [_within(row[name], 0, _MOST_ALIKE) for name in ("same_correlation", "other_correlation")]
    masks = frozenset(FaceMask.from_label(label) for label in row["masks"])
    curve = Curve(bits, same, other, tail, *correlations)
    return Band(masks, _within(row["lowest_quality"], 0, 1), bool(row["masked_template"]), curve)


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


def _open(x: Any, highest: float) -> float:
    """A number between 0 and `highest`, without both. Raises ValueError, as for no number at all."""
    number = float(x)
    if not 0 < number < highest:
        raise ValueError
    return number


def _within(x: Any, lowest: float, highest: float) -> float:
    number = float(x)
    if not lowest <= number <= highest:
        raise ValueError
    return number


def _words(text: Any) -> str:
    if not isinstance(text, str) or not 0 < len(text) <= _MOST_WORDS:
        raise ValueError
    return text


def _check_complete(calibration: Calibration) -> None:
    if not calibration.bands:
        raise BadCalibration("the calibration has no modality", hint="measure faces or appearance")
    for modality, bands in calibration.bands.items():
        for mask in FaceMask:
            for masked in (False, True):
                fits = [b for b in bands if mask in b.masks and b.lowest <= 0 and b.masked_template in (False, masked)]
                if not fits:
                    why = f"the calibration has no {modality} curve for mask {mask.label} at every quality"
                    raise BadCalibration(why, hint="measure that kind too")
