"""cairn-central export: a case's route and contacts as a file, over the centre's API."""

from __future__ import annotations

import argparse
from pathlib import Path

from central.cases.options import connect, connection
from central.cli import Answer, Groups, command
from central.contacts.presets import USUAL

FORMATS = ("godata", "sormas", "csv", "geojson")
DATES = ("m/d/yyyy", "dd/mm/yyyy", "dd.mm.yyyy")


def add_parser(groups: Groups) -> None:
    parser = command(
        groups, "export", export, "save a case's route and contacts as a file",
        "cairn-central export case-17 --format godata --out case-17.zip --token-file kim.token",
    )  # fmt: skip
    connection(parser)
    parser.add_argument("case")
    parser.add_argument("--format", dest="kind", choices=FORMATS, required=True, help="geojson is one file, else a ZIP")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--preset", default=USUAL, help=f"whose rule makes contacts; {USUAL}")
    parser.add_argument("--dates", choices=DATES, default=DATES[0], help="how your SORMAS writes days; m/d/yyyy")
    parser.add_argument("--force", action="store_true", help="replace the file if there is one")


def export(options: argparse.Namespace) -> Answer:
    from central.saving import must_be_free, save

    must_be_free(options.out, options.force)
    asked = {"format": options.kind, "preset": options.preset, "dates": options.dates}
    with connect(options) as client:
        content = client.fetch(f"/cases/{options.case}/export", params=asked)
    save(options.out, content, options.force)
    return {"case": options.case, "format": options.kind, "file": str(options.out.absolute()), "bytes": len(content)}
