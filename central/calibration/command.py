"""cairn-central calibration: what a distance between two codes is read by."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from central.cli import Answer, Groups, command, env_file, group

if TYPE_CHECKING:
    from shared.calibration.curves import Calibration


def add_parser(groups: Groups) -> None:
    """Hook these commands into cairn-central."""
    verbs = group(groups, "calibration", "what a distance between two codes is read by")
    parser = command(
        verbs, "show", show, "check a calibration and show what it holds: a file's, or the one that the centre uses",
        "cairn-central calibration show bucheon-2026-11.json",
    )  # fmt: skip
    where = "a file from `cairn-edge calibrate … --write`; without one, what the settings say"
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE", help=where)
    env_file(parser, "CAIRN_CENTRE_")


def show(options: argparse.Namespace) -> Answer:
    """Raises BadCalibration, CalibrationMissing, BadSettings."""
    from central.calibration.described import described

    told = described(_wanted(options))
    if options.json:
        return told
    about = f"{told['name']}, measured {told['measured']}"
    return [{"calibration": about, **part} for part in told["modalities"]]


def _wanted(options: argparse.Namespace) -> Calibration:
    from central.routes.likelihood import calibration_of
    from central.settings import CentreSettings
    from shared.calibration.files import read_calibration

    if options.file is not None:
        return read_calibration(options.file)
    return calibration_of(CentreSettings.load(options.env_file))
