"""`cairn-central replay DIR`: play a scenario folder through the real code and score the answer against its truth."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from central.cli import Answer, Groups, add_engine, say
from central.saving import must_be_free, save
from shared.errors import BadInput

if TYPE_CHECKING:
    from shared.calibration.curves import Calibration

_EXAMPLE = """example:
  cairn-central replay build/city --json build/replay.json
  cairn-central replay build/city --only patient-2 --map route.svg
  cairn-central replay build/city --ask 3
  cairn-central replay build/city --walking walking.npz
  cairn-central replay build/city --engine ray

The folder's format is described in central/replay/README.md. Nothing of it is kept: keys and batches are made new and
live in a temporary folder until the end.
"""

MOST_ASKED = 50


def add_parser(groups: Groups) -> None:
    """Hook this command into cairn-central."""
    parser = groups.add_parser(
        "replay",
        help="play a scenario folder through the real code and score it",
        description="Play a scenario folder through the real code, in one process, and score it against its truth.",
        epilog=_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="DIR", help="the scenario folder")
    parser.add_argument("--json", dest="json_file", type=Path, metavar="FILE", help="write the whole result here")
    parser.add_argument(
        "--calibration", type=Path, metavar="FILE", help="read distances by this one, not by the newest for the model"
    )
    parser.add_argument(
        "--only", action="append", metavar="PATIENT", help="search for this patient_id only; may be given again"
    )
    parser.add_argument("--map", type=Path, metavar="FILE", help="draw a route over the true way, as SVG")
    parser.add_argument("--map-of", metavar="PATIENT", help="whose route is drawn: patient_id; default: the first's")
    parser.add_argument("--map-language", choices=("en", "ko"), default="en", help="of the map; default: %(default)s")
    parser.add_argument(
        "--ask", type=int, default=0, metavar="N",
        help="ask each patient about up to N sightings, who answers truly, and search again after every few",
    )  # fmt: skip
    parser.add_argument("--walking", type=Path, metavar="FILE", help="ways on foot, from cairn-central walking build")
    add_engine(parser, "default: local")
    parser.set_defaults(run=replay)


def replay(options: argparse.Namespace) -> Answer:
    """One row a patient, and one for all. Raises BadScenario, and what the parts refuse."""
    # Matrices here are small, and several threads only get in each other's way; numpy asks once, when it is imported.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from central.replay.picture import check_patient, drawn, only
    from central.replay.play import play
    from central.replay.read import read_scenario
    from central.replay.score import score
    from central.walking.service import noted
    from central.walking.ways_file import read_ways

    if options.map_of and not options.map:
        raise BadInput("--map-of says whose route is drawn, and no map is", hint="give --map FILE too")
    for file in (options.json_file, options.map):
        if file:
            _make_room(file)
    if not 0 <= options.ask <= MOST_ASKED:
        raise BadInput(f"nobody is asked about {options.ask} sightings", hint=f"give --ask 0 to {MOST_ASKED}")
    ways = read_ways(options.walking) if options.walking else None
    say(f"reading {options.folder}")
    scenario = read_scenario(options.folder)
    if options.only:
        scenario = only(scenario, options.only)
    shown = check_patient(scenario, options.map_of) if options.map else ""
    calibration, warning = _calibration(scenario.face_model, options.calibration)
    if warning:
        say(f"note: {warning}")
    for note in noted(ways.fit(scenario.cameras)) if ways else ():
        say(f"note: {note}")
    played = play(scenario, calibration, say, options.engine or "local", ways, options.ask)
    result = score(scenario, played)
    result["warnings"] = [warning] if warning else []
    if options.json_file:
        save(options.json_file, json.dumps(result, indent=1, ensure_ascii=False).encode() + b"\n", force=True)
    if options.map:
        (answer,) = (one for one in played.answers if one.patient.patient == shown)
        save(options.map, drawn(scenario, answer, options.map_language).encode(), force=True)
    say("  ".join(f"{stage} {took:.1f} s" for stage, took in result["totals"]["seconds"].items()))
    rows = [*result["patients"], {"patient_id": "all", **result["totals"]}]
    return [_row(entry) for entry in rows]


def _calibration(face_model: str, file: Path | None) -> tuple[Calibration, str]:
    """The scenario's model's calibration, or the newest of another model, and then a warning."""
    from central.routes.likelihood import calibration_for
    from shared.calibration.files import read_calibration
    from shared.epochs import Modality
    from shared.errors import CalibrationMissing

    if file is not None:
        return read_calibration(file), ""
    try:
        return calibration_for({Modality.FACE: face_model}), ""
    except CalibrationMissing:
        newest = calibration_for({})
        known = newest.models.get(Modality.FACE, "another model")
        return newest, f"{face_model} was never calibrated; distances are read as if they were {known}'s"


def _row(entry: dict[str, Any]) -> dict[str, Any]:
    columns = {"patient_id": "patient", "sightings_true": "true", "sightings_reported": "reported"}
    row = {short: entry[name] for name, short in columns.items()}
    row |= {name: f"{entry[name]:.3f}" for name in ("precision", "recall", "f1")}
    row |= {"order errors": entry["order_errors"], "gaps": entry["gaps"]}
    row |= {f"{preset} F1": f"{judged['f1']:.2f}" for preset, judged in entry["contacts"].items()}
    return row


def _make_room(path: Path) -> None:
    """Before the minutes of playing, not after them. A file that is there is replaced."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}", hint="choose a file that can be written") from None
    must_be_free(path, force=True)
