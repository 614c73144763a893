"""cairn-central retention: what is kept, until when, and its destruction."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from central.cli import Answer, Groups, command, env_file, group

if TYPE_CHECKING:
    from central.retention.due import Due
    from central.retention.rules import Rules


def add_parser(groups: Groups) -> None:
    verbs = group(groups, "retention", "what is kept, until when, and its destruction (CAIRN_CENTRE_*)")
    shown = command(
        verbs, "show", show, "show what is kept of each class, and what goes when",
        "cairn-central retention show --env-file centre.env",
    )  # fmt: skip
    running = command(
        verbs, "run", run, "destroy what is over, as the centre does every hour by itself",
        "cairn-central retention run --dry-run --env-file centre.env",
    )  # fmt: skip
    running.add_argument("--dry-run", action="store_true", help="only say what would go")
    for parser in (shown, running):
        env_file(parser, "CAIRN_CENTRE_")


def show(options: argparse.Namespace) -> Answer:
    from sqlmodel import Session

    from central.database import open_database
    from central.retention.due import AT_LAST, Kind, held
    from central.retention.rules import load_rules
    from central.settings import DatabaseSettings
    from shared.clock import SystemClock

    settings = DatabaseSettings.load(options.env_file)
    rules = load_rules(settings.retention)
    with Session(open_database(settings.database.get_secret_value())) as session:
        everything = list(held(session, rules, AT_LAST))
    now = SystemClock().now()
    return [_line(kind.value, [one for one in everything if one.kind is kind], now, rules) for kind in Kind]


def run(options: argparse.Namespace) -> Answer:
    from central.database import open_database
    from central.parts import make_parts
    from central.retention.job import Retention
    from central.retention.rules import load_rules
    from central.retention.scrub import scrub
    from central.settings import CentreSettings
    from shared.clock import SystemClock

    settings = CentreSettings.load(options.env_file)
    engine = open_database(settings.database.get_secret_value())
    retention = Retention(engine, SystemClock(), make_parts(settings, engine), load_rules(settings.retention))
    if options.dry_run:
        return [_told(one) for one in retention.due()]
    done = retention.run()
    scrub(engine)
    return [_told(one) for one in done]


def _line(what: str, held: list[Due], now: Any, rules: Rules) -> dict[str, Any]:
    return {
        "what": what,
        "rules": rules.name,
        "held": sum(one.count for one in held),
        "due": sum(one.count for one in held if one.when <= now),
        "next": min((one.when for one in held), default=None),
    }


def _told(due: Due) -> dict[str, Any]:
    return {"what": due.kind.value, "name": due.name, "count": due.count, "since": due.when}
