"""cairn-central places: draft a list of places for the public, over the centre's API."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from central.cases.options import connect, connection
from central.cli import Answer, Groups, command
from central.contacts.presets import USUAL


def add_parser(groups: Groups) -> None:
    parser = command(
        groups, "places", places, "draft a list of places for the public, without anything about the patient",
        "cairn-central places case-17 --name cafe='Cafe Haneul, Sang-dong 12' --all-known bakery --html places.html",
    )  # fmt: skip
    connection(parser)
    parser.add_argument("case")
    add = parser.add_argument
    add("--private", action="append", default=[], metavar="CAMERA", help="a home or a place of work; again for more")
    add("--public", action="append", default=[], metavar="CAMERA", help="neither, although a night was spent there")
    add("--all-known", action="append", default=[], metavar="CAMERA", help="every contact there was found")
    add("--name", dest="names", action="append", default=[], type=_name, metavar="CAMERA=NAME", help="what is there")
    written = parser.add_mutually_exclusive_group()
    written.add_argument("--html", type=Path, metavar="FILE", help="save the draft as a page")
    written.add_argument("--csv", type=Path, metavar="FILE", help="save the draft as a table")
    add("--language", choices=["en", "ko"], default="en", help="of the file; en")
    add("--preset", default=USUAL, help=f"whose rule makes contacts; {USUAL}")
    add("--force", action="store_true", help="replace the file if there is one")


def places(options: argparse.Namespace) -> Answer:
    from central.saving import must_be_free, save

    said = {"private": options.private, "public": options.public, "all_known": options.all_known}
    body, out = said | {"names": dict(options.names)}, options.html or options.csv
    if out:
        must_be_free(out, options.force)
    form = "html" if options.html else "csv" if options.csv else "json"
    asked = {"form": form, "language": options.language, "preset": options.preset}
    with connect(options) as client:
        if out is None:
            found: dict[str, Any] = client.ask("POST", f"/cases/{options.case}/places", body, params=asked)
            return found if options.json else _rows(found)
        content = client.fetch(f"/cases/{options.case}/places", asked, body)
    save(out, content, options.force)
    return {"case": options.case, "draft": str(out.absolute())}


def _rows(found: dict[str, Any]) -> list[dict[str, str]]:
    told = [
        {"camera": one["camera"], "from": start, "until": end, "told": f"until {one['remove_after']}",
         "name": one["name"] or "(give --name)"}
        for one in found["places"] for start, end in one["times"]
    ]  # fmt: skip
    left = [
        {"camera": one["camera"], "from": one["start"], "until": one["end"], "told": f"no: {one['why']}", "name": ""}
        for one in found["left_out"]
    ]
    return told + left


def _name(text: str) -> tuple[str, str]:
    camera, given, name = text.partition("=")
    if not given:
        raise argparse.ArgumentTypeError("write CAMERA=NAME")
    return camera, name
