"""cairn-central masks: how many wore a mask, by place or by hour, over the centre's API."""

from __future__ import annotations

import argparse
from typing import Any

from central.cases.options import connect, connection, moment
from central.cli import Answer, Groups, command


def add_parser(groups: Groups) -> None:
    parser = command(
        groups, "masks", masks, "count masks by place or by hour of the day, small counts hidden",
        "cairn-central masks --by place --from 2026-11-16T00:00+09:00 --token-file kim.token",
    )  # fmt: skip
    connection(parser)
    parser.add_argument("--by", choices=["hour", "place"], default="hour", help="hour of the local day, or place; hour")
    parser.add_argument("--from", dest="start", type=moment, metavar="TIME", help="7 days before the end")
    parser.add_argument("--until", dest="end", type=moment, metavar="TIME", help="now")


def masks(options: argparse.Namespace) -> Answer:
    times = {"from": options.start, "until": options.end}
    asked = {"by": options.by} | {name: at.isoformat() for name, at in times.items() if at is not None}
    with connect(options) as client:
        found: dict[str, Any] = client.ask("GET", "/masks", params=asked)
    return found if options.json else [_row(one, options.by) for one in [*found["groups"], found["everybody"]]]


def _row(group: dict[str, Any], by: str) -> dict[str, str]:
    share = group["worn_share"]
    shown = "-" if share is None else f"{share[0]:.0%}" if share[0] == share[1] else f"{share[0]:.0%} to {share[1]:.0%}"
    counts = {state.replace("_", " "): _count(*group[state]) for state in ("worn", "not_worn", "unknown")}
    return {by: group["name"] or "together", "worn share": shown, **counts}


def _count(least: int, most: int) -> str:
    return str(least) if least == most else f"{least} to {most}"
