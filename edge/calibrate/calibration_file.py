"""The calibration file that the centre reads: each run renews its own modality in it and leaves the other alone."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

from edge.calibrate import BadMaterial, CannotWrite
from edge.calibrate.bands import Measured
from edge.vision import MODELS
from shared.calibration.curves import Calibration
from shared.calibration.files import calibration_to_map, read_calibration
from shared.ids import is_id

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
        return read_calibration(path) if path.exists() else None

    def add(self, measured: Measured) -> None:
        """Write the file anew with this modality renewed, whole or not at all. Raises as `check` does."""
        calibration = _joined(self, self.check(), measured)
        _replace(self.path, json.dumps(calibration_to_map(calibration), indent=1) + "\n")


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


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.new")
    try:
        with fresh.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
    except OSError as error:
        raise CannotWrite(f"cannot write {path}: {error.strerror}", hint="name another file") from None
    finally:
        fresh.unlink(missing_ok=True)
