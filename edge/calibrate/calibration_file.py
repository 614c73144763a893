"""The calibration file that the centre reads: each run renews its own modality in it and leaves the other alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from edge.calibrate import BadMaterial
from edge.calibrate.bands import Measured
from edge.vision import MODELS
from shared.calibration.curves import Calibration
from shared.calibration.files import calibration_from_map, calibration_to_map, read_calibration
from shared.errors import BadCalibration
from shared.files import CannotWrite, write_whole
from shared.ids import is_id

_LONGEST_SOURCE: Final = 500
_HOW: Final = "laws fitted to distances of codes by `cairn-edge calibrate`; only their parameters are kept"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a calibration goes, the day of measuring, and in words whom it was measured on."""

    path: Path
    day: date
    source: str = ""

    def check(self) -> Calibration | None:
        """What the file holds already; before the minutes of measuring, not after them.

        Raises BadMaterial, CannotWrite, BadCalibration.
        """
        path = self.path
        if not is_id(path.stem) or path.suffix != ".json":
            hint = "use small letters, digits and hyphens, such as bucheon-2026-11.json"
            raise BadMaterial(f"{path.name} is no name for a calibration", hint=hint)
        if not path.parent.is_dir():
            raise CannotWrite(f"there is no folder {path.parent}", hint="make it, or name another")
        if len(self.source) > _LONGEST_SOURCE:
            hint = f"say it in {_LONGEST_SOURCE} characters"
            raise BadMaterial("the source of the pictures is too long", hint=hint)
        return read_calibration(path) if path.exists() else None

    def add(self, measured: Measured) -> None:
        """Write the file anew with this modality renewed, whole or not at all. Raises as `check` does, and BadMaterial
        for what was measured of pictures that tell nobody apart."""
        document = calibration_to_map(_joined(self, self.check(), measured))
        try:
            calibration_from_map(document)  # a file that cannot be read must not replace one that can
        except BadCalibration:
            hint = "look whether the pictures show people, and whether each is in its own person's folder"
            raise BadMaterial("these pictures make no calibration: they tell nobody apart", hint=hint) from None
        write_whole(self.path, json.dumps(document, indent=1).encode() + b"\n")


def _joined(target: Target, before: Calibration | None, measured: Measured) -> Calibration:
    source = f", of {target.source}" if target.source else ""
    modality, told = measured.modality, f"{measured.how}{source}, on {target.day.isoformat()}"
    origins = {**(before.origins if before else {}), modality: told}
    return Calibration(
        name=target.path.stem,
        measured=target.day.isoformat(),
        how=_HOW,
        models={**(before.models if before else {}), modality: MODELS[modality]},
        bands={**(before.bands if before else {}), modality: measured.bands},
        template_spread={**(before.template_spread if before else {}), modality: round(measured.spread, 1)},
        origins=origins,
    )
