"""cairn-central backup and restore: the centre's database, while it is in use, and back."""

from __future__ import annotations

import argparse
from pathlib import Path

from central.cli import Answer, Groups, command, env_file


def add_parser(groups: Groups) -> None:
    backing = command(
        groups, "backup", backup, "write a copy of the centre's database, without routes; nobody has to stop for it",
        "cairn-central backup /var/backups/cairn/2026-11-25.sqlite --env-file centre.env",
    )  # fmt: skip
    putting = command(
        groups, "restore", restore, "put a copy back; `serve` then asks the authorities what has ended meanwhile",
        "cairn-central restore /var/backups/cairn/2026-11-25.sqlite --env-file centre.env",
    )  # fmt: skip
    for parser in (backing, putting):
        parser.add_argument("file", type=Path)
        env_file(parser, "CAIRN_CENTRE_")


def backup(options: argparse.Namespace) -> Answer:
    from central.backups.copies import back_up
    from central.database import open_database
    from central.retention.rules import load_rules
    from central.settings import DatabaseSettings
    from shared.clock import SystemClock

    settings, now = DatabaseSettings.load(options.env_file), SystemClock().now()
    size = back_up(open_database(settings.database.get_secret_value()), options.file, now)
    last = now + load_rules(settings.retention).batches
    left_out = "routes" + (f", and archives: copy {settings.archive} after this" if settings.archive else "")
    return {"backup": str(options.file), "bytes": size, "left_out": left_out, "delete_by": last.date().isoformat()}


def restore(options: argparse.Namespace) -> Answer:
    from central.backups.copies import restore as put_back
    from central.settings import DatabaseSettings
    from shared.clock import SystemClock

    settings = DatabaseSettings.load(options.env_file)
    origin = put_back(options.file, settings.database.get_secret_value(), SystemClock().now())
    first = "cairn-central batches recover, for what archives hold since; then " if settings.archive else ""
    return {
        "restored": str(options.file),
        "is": origin,
        "next": f"{first}start the centre while all authorities answer",
    }
