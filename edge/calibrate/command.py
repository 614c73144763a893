"""`cairn-edge calibrate …`: what the models are worth, on a folder of one's own or of a public set."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from shared.files import CannotWrite, write_whole

if TYPE_CHECKING:  # --help answers without numpy
    from edge.calibrate.calibration_file import Target

Row = dict[str, float]
Measure = Callable[[argparse.Namespace], dict[str, Row] | Row]


def add_parser(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds `calibrate` with its four kinds to the commands of the box."""
    parser = commands.add_parser("calibrate", help=__doc__, description=__doc__)
    kinds = parser.add_subparsers(required=True, metavar="WHAT")

    sub = _kind(kinds, "faces", measure_faces, "--pairs pairs.csv --images images --write city-2026-11.json")
    sub.add_argument("--pairs", type=Path, required=True, help="CSV with columns a, b (paths below IMAGES) and same")
    sub.add_argument("--images", type=Path, required=True, help="the folder that the paths start from")
    street = "also as a street camera sees the second photo: small, noisy, bare and masked, three shots (minutes)"
    sub.add_argument("--street", action="store_true", help=street)
    _write_options(sub)

    sub = _kind(kinds, "masks", measure_masks, "--images masks")
    sub.add_argument("--images", type=Path, required=True, help="a folder with with_mask and without_mask in it")

    sub = _kind(kinds, "appearance", measure_appearance, "--images people --write city-2026-11.json")
    sub.add_argument("--images", type=Path, required=True, help="a folder a person, with pictures 01_1.png, 02_1.png …")
    _write_options(sub)

    sub = _kind(kinds, "tracking", measure_tracking, "--video walk.avi --truth walk.xml")
    sub.add_argument("--video", type=Path, required=True, help="the recording")
    sub.add_argument("--truth", type=Path, required=True, help="boxes and identities as CVML (XML), as for PETS")


def measure_faces(options: argparse.Namespace) -> dict[str, Row]:
    """Tell pairs of photos of one person from pairs of two: float, int8 and coded."""
    from edge.calibrate.faces import calibrate_faces

    return calibrate_faces(options.pairs, options.images, options.street, _target(options), say)


def measure_masks(options: argparse.Namespace) -> dict[str, Row]:
    """Tell whether a face mask is worn, at full size and at 48 pixels."""
    from edge.calibrate.masks import calibrate_masks

    return calibrate_masks(options.images)


def measure_appearance(options: argparse.Namespace) -> dict[str, Row]:
    """Find the same person in another camera by clothes and shape: float, int8 and coded."""
    from edge.calibrate.appearance import calibrate_appearance

    return calibrate_appearance(options.images, _target(options), say)


def measure_tracking(options: argparse.Namespace) -> Row:
    """Find and follow people in a recording."""
    from edge.calibrate.tracking import calibrate_tracking
    from edge.model_vision import ModelVision

    figures = calibrate_tracking(options.video, options.truth, ModelVision.load())
    return {key: float(value) for key, value in asdict(figures).items()}


def run(measure: Measure, options: argparse.Namespace) -> None:
    """Measure, print the table, and write the figures where they were asked for. Raises CannotWrite."""
    figures = measure(options)
    sys.stdout.write(table(figures) + "\n")
    if options.json:
        try:
            options.json.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CannotWrite(f"cannot write {options.json}: {error.strerror}", hint="name another file") from None
        write_whole(options.json, json.dumps(figures, indent=1).encode() + b"\n")


def table(figures: dict[str, Row] | Row) -> str:
    """Rows of figures under the names of the columns."""
    rows: dict[str, Row] = {name: row for name, row in figures.items() if isinstance(row, dict)}
    rows = rows or {"": {name: value for name, value in figures.items() if not isinstance(value, dict)}}
    columns = list(next(iter(rows.values())))
    widths = [max(len(column), 7) for column in columns]
    first = max(len(name) for name in rows)
    lines = [" " * first + "".join(f"  {column:>{width}}" for column, width in zip(columns, widths, strict=True))]
    for name, row in rows.items():
        cells = (f"  {row[column]:>{width}.3f}" for column, width in zip(columns, widths, strict=True))
        lines.append(f"{name:<{first}}" + "".join(cells))
    return "\n".join(lines)


def say(words: str) -> None:
    """Progress, beside the figures and never in them."""
    sys.stderr.write(words + "\n")
    sys.stderr.flush()


def _write_options(parser: argparse.ArgumentParser) -> None:
    write = "add the curves to this calibration, which the centre reads; the other modality in it stays (minutes)"
    parser.add_argument("--write", type=Path, metavar="FILE", help=write)
    parser.add_argument("--source", default="", metavar="WORDS", help="whose pictures these are, for the calibration")


def _target(options: argparse.Namespace) -> Target | None:
    from edge.calibrate.calibration_file import Target

    if options.write is None:
        return None
    return Target(options.write, datetime.now(UTC).date(), options.source)


def _kind(
    kinds: argparse._SubParsersAction[argparse.ArgumentParser], name: str, measure: Measure, example: str
) -> argparse.ArgumentParser:
    example = f"example: cairn-edge calibrate {name} {example} --json build/{name}.json"
    parser = kinds.add_parser(name, help=measure.__doc__, description=measure.__doc__, epilog=example)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.set_defaults(command=lambda options: run(measure, options))
    return parser
