"""cairn-central canary: the privacy officer's proof that destroyed days are gone, over the centre's API."""

from __future__ import annotations

import argparse
from typing import Any

from central.cases.options import connect, connection
from central.cli import Answer, Groups, command, group


def add_parser(groups: Groups) -> None:
    verbs = group(groups, "canary", "sealed canaries: try to open every day's, and see that destroyed days are gone")
    trying = command(
        verbs, "check", check, "try to open every canary; exits with 2 when a day is not as it must be",
        "cairn-central canary check --token-file oda.token",
    )  # fmt: skip
    listing = command(
        verbs, "list", list_canaries, "show every canary and what came of trying it last",
        "cairn-central canary list --token-file oda.token",
    )  # fmt: skip
    for parser in (trying, listing):
        connection(parser)


def check(options: argparse.Namespace) -> Answer:
    from shared.errors import Refused

    with connect(options) as client:
        found: list[dict[str, Any]] = client.ask("POST", "/canaries/trials")
    alarms = [f"{row['day']}: {row['alarm']}" for row in found if row["alarm"]]
    if alarms:
        hint = "show this to that authority's office and to the supervisory authority; the audit log holds it"
        raise Refused("; ".join(alarms), hint=hint)
    return found


def list_canaries(options: argparse.Namespace) -> Answer:
    with connect(options) as client:
        found: list[dict[str, Any]] = client.ask("GET", "/canaries")
        return found
