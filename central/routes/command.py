"""cairn-central route: what to ask the patient about a route that was found, and what they said."""

from __future__ import annotations

import argparse
from typing import Any
from urllib.parse import quote

from central.cases.options import connect, connection
from central.cli import Answer, Groups, Run, command, group, say

WORDS = {"confirm": "confirmed", "reject": "rejected"}


def add_parser(groups: Groups) -> None:
    verbs = group(groups, "route", "ask the patient about a route, confirm and reject sightings, see what else may be")

    def verb(name: str, run: Run, about: str, example: str = "case-17") -> argparse.ArgumentParser:
        parser = command(verbs, name, run, about, f"cairn-central route {name} {example} --token-file kim.token")
        connection(parser)
        parser.add_argument("case")
        return parser

    verb("questions", show_questions, "show the sightings that are best asked about, the most telling first")
    one = "case-17 box-3/1/42"
    naming = [
        verb("confirm", tell, "say that a sighting was the patient; the next search heeds it", one),
        verb("reject", tell, "say that a sighting was not the patient; the next search heeds it", one),
        verb("forget", forget, "take back what was said of a sighting", one),
    ]
    for name, parser in zip(("confirm", "reject", "forget"), naming, strict=True):
        parser.add_argument("sighting", help="as route questions or route visits names it")
        parser.set_defaults(verb=name)
    verb("visits", show_visits, "show the route's visits with the names of their sightings")
    verb("words", show_words, "show what was said of sightings")
    verb("alternatives", show_alternatives, "show what else may have been, and how likely it is")


def show_questions(options: argparse.Namespace) -> Answer:
    with connect(options) as client:
        rows: list[dict[str, Any]] = client.ask("GET", f"/cases/{options.case}/questions")
    return rows if options.json else [_question(row) for row in rows]


def tell(options: argparse.Namespace) -> Answer:
    path = f"/cases/{options.case}/words/{_checked(options.sighting)}"
    with connect(options) as client:
        row: dict[str, Any] = client.ask("PUT", path, {"word": WORDS[options.verb]})
    return row


def forget(options: argparse.Namespace) -> Answer:
    with connect(options) as client:
        client.ask("DELETE", f"/cases/{options.case}/words/{_checked(options.sighting)}")
    return {"case": options.case, "forgot": options.sighting}


def show_words(options: argparse.Namespace) -> Answer:
    with connect(options) as client:
        rows: list[dict[str, Any]] = client.ask("GET", f"/cases/{options.case}/words")
    return rows


def show_visits(options: argparse.Namespace) -> Answer:
    with connect(options) as client:
        found = client.ask("GET", f"/cases/{options.case}/route")
    for name in found["set_aside"]:
        say(f"{name} was confirmed and is not on the route: it cannot be true with the rest, or is gone")
    said = {row["sighting"]: row["word"] for row in found["words"]}
    rows = [(visit["candidate"], visit["confidence"]) for visit in found["route"]["visits"]]
    return [_seen(seen | {"confidence": sure}) | {"said": said.get(seen["sighting"], "")} for seen, sure in rows]


def show_alternatives(options: argparse.Namespace) -> Answer:
    with connect(options) as client:
        rows: list[dict[str, Any]] = client.ask("GET", f"/cases/{options.case}/route")["alternatives"]
    if options.json:
        return rows
    return [
        {"probability": f"{row['probability']:.2f}", "what": what} | _seen(seen)
        for row in rows
        for what, some in (("not the patient", row["without"]), ("seen instead", row["instead"]))
        for seen in some
    ]


def _question(row: dict[str, Any]) -> dict[str, Any]:
    return _seen(row) | {"worth": f"{row['value']:.2f}"}


def _seen(row: dict[str, Any]) -> dict[str, Any]:
    names = {"sighting": "sighting", "camera": "camera", "start": "from", "end": "until", "mask": "face mask"}
    return {short: row[name] for name, short in names.items()} | {"sure": f"{row['confidence']:.2f}"}


def _checked(sighting: str) -> str:
    """A sighting's name as part of an address. Raises BadInput."""
    from shared.sightings import parse_sighting_id

    parse_sighting_id(sighting)
    return quote(sighting)
