"""cairn-central report: what was done, for the public and for a patient, over the centre's API."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path
from typing import Any

from central.cases.options import connect, connection
from central.cli import Answer, Groups, command, group


def add_parser(groups: Groups) -> None:
    verbs = group(groups, "report", "reports for the public and for patients")
    public = command(
        verbs, "transparency", transparency, "count what was done in a period, for the public",
        "cairn-central report transparency --from 2026-11-01 --until 2026-12-01 --html report.html "
        "--token-file oda.token",
    )  # fmt: skip
    public.add_argument("--from", dest="first", type=_day, required=True, metavar="DAY", help="first day, in UTC")
    public.add_argument("--until", dest="end", type=_day, required=True, metavar="DAY", help="the day after the last")
    own = command(
        verbs, "subject", subject, "tell a patient what was done under their case",
        "cairn-central report subject case-17 --html report.html --language ko --token-file kim.token",
    )  # fmt: skip
    own.add_argument("case")
    for parser in (public, own):
        connection(parser, signs=False)
        parser.add_argument("--html", type=Path, metavar="FILE", help="write a page to print or publish")
        parser.add_argument("--language", choices=["en", "ko"], default="en", help="of the page; en")


def transparency(options: argparse.Namespace) -> Answer:
    days = {"from": options.first.isoformat(), "until": options.end.isoformat()}
    return _answer(options, "/reports/transparency", days)


def subject(options: argparse.Namespace) -> Answer:
    return _answer(options, f"/cases/{options.case}/report", {})


def _answer(options: argparse.Namespace, path: str, params: dict[str, str]) -> Answer:
    from central.saving import must_be_free, save

    if options.html:
        must_be_free(options.html, force=True)
    with connect(options) as client:
        if options.html is None:
            found: dict[str, Any] = client.ask("GET", path, params=params)
            return found
        page = client.ask("GET", f"{path}.html", params=params | {"language": options.language})
    save(options.html, page.encode(), force=True)
    return {"report": str(options.html)}


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError("write a day such as 2026-11-01") from None
