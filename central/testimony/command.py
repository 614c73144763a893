"""cairn-central testimony: a patient's timeline, kept by hand."""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from central.cases.options import connect, connection, moment
from central.cli import Answer, Groups, Run, command, group


def add_parser(groups: Groups) -> None:
    verbs = group(groups, "testimony", "where a patient says to have been, kept by hand")

    def verb(name: str, run: Run, about: str, example: str) -> argparse.ArgumentParser:
        parser = command(verbs, name, run, about, f"cairn-central testimony {example} --token-file kim.token")
        connection(parser)
        parser.add_argument("case")
        return parser

    told = 'case-17 --place "bakery, Market Road" --from 2026-11-23T09:00+09:00 --until 2026-11-23T09:20+09:00'
    _visit_options(verb("add", add, "enter a visit", f"add {told}"))
    verb("list", list_visits, "show the timeline", "list case-17")
    changing = verb("change", change, "put other words in a visit's place", "change case-17 VISIT --place … --from …")
    changing.add_argument("visit")
    _visit_options(changing)
    removing = verb("remove", remove, "remove a visit", "remove case-17 VISIT")
    removing.add_argument("visit")
    verb("compare", compare, "hold the timeline against the route", "compare case-17")


def add(options: argparse.Namespace) -> Answer:
    with connect(options) as client:
        row: dict[str, Any] = client.ask("POST", f"/cases/{options.case}/testimony", _visit(options))
    return row


def change(options: argparse.Namespace) -> Answer:
    with connect(options) as client:
        row: dict[str, Any] = client.ask("PUT", f"/cases/{options.case}/testimony/{options.visit}", _visit(options))
    return row


def list_visits(options: argparse.Namespace) -> Answer:
    with connect(options) as client:
        rows: list[dict[str, Any]] = client.ask("GET", f"/cases/{options.case}/testimony")
    names = ("local_start", "local_end", "place", "camera", "note", "id")
    return rows if options.json else [{name: row[name] for name in names} for row in rows]


def remove(options: argparse.Namespace) -> Answer:
    with connect(options) as client:
        client.ask("DELETE", f"/cases/{options.case}/testimony/{options.visit}")
    return {"case": options.case, "removed": options.visit}


def compare(options: argparse.Namespace) -> Answer:
    with connect(options) as client:
        found: dict[str, Any] = client.ask("GET", f"/cases/{options.case}/testimony/comparison")
    if options.json:
        return found
    zone = ZoneInfo(found["zone"])
    return [_stay(row) for row in found["stays"]] + [
        {"from": _local(one["start"], zone), "until": _local(one["end"], zone), "zone": zone.key}
        | {"place": one["camera"], "verdict": "not told", "sure": f"{one['confidence']:.2f}"}
        | {"cameras in reach": "", "hours searched": "", "hours sent": ""}
        for one in found["missed"]
    ]


def _local(moment: str, zone: ZoneInfo) -> str:
    """A visit that nobody told of has no patient's zone: its time is shown in the centre's."""
    return datetime.fromisoformat(moment).astimezone(zone).isoformat(timespec="seconds")


def _stay(row: dict[str, Any]) -> dict[str, Any]:
    coverage, sure = row["coverage"], row["confidence"]
    why = f" ({row['why']})" if row["why"] else ""
    return {
        "from": row["local_start"],
        "until": row["local_end"],
        "zone": row["zone"],
        "place": row["place"],
        "verdict": row["verdict"] + why,
        "sure": "" if sure is None else f"{sure:.2f}",
        "cameras in reach": str(len(coverage["cameras"])),
        "hours searched": f"{coverage['searched']} of {coverage['hours']}",
        "hours sent": f"{coverage['sent']} of {coverage['hours']}",
    }


def _visit_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--place", required=True)
    parser.add_argument("--from", dest="start", type=moment, required=True, metavar="TIME")
    parser.add_argument("--until", type=moment, required=True, metavar="TIME")
    parser.add_argument("--zone", metavar="NAME", help="the patient's own time zone; the centre's")
    parser.add_argument("--camera", metavar="NAME", help="a camera at the place, if there is one")
    parser.add_argument("--at", nargs=2, type=float, metavar=("NORTH", "EAST"), help="the place in degrees")
    parser.add_argument("--note", default="", help="what they did there; no names")


def _visit(options: argparse.Namespace) -> dict[str, Any]:
    north, east = options.at or (None, None)
    times = {"start": options.start.isoformat(), "end": options.until.isoformat(), "zone": options.zone}
    where = {"camera": options.camera, "latitude": north, "longitude": east}
    return {"place": options.place, "note": options.note, **times, **where}
