"""cairn-central batches: where sealed batches lie, and moving those of closed days to archives."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from central.cli import Answer, Groups, command, env_file, group, say

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from sqlalchemy import Engine

    from central.batches.archives import ArchivedBatchStore
    from central.retention.rules import Rules


def add_parser(groups: Groups) -> None:
    verbs = group(groups, "batches", "where sealed batches lie: the database, and archives of closed days")
    compacting = command(
        verbs, "compact", compact, "move closed days to archives, as the centre does every hour by itself",
        "cairn-central batches compact --env-file centre.env",
    )  # fmt: skip
    compacting.add_argument(
        "--late", action="store_true", help="write a day's archive anew for however few late batches"
    )
    showing = command(
        verbs, "show", show, "show day by day how many batches lie where",
        "cairn-central batches show --check --env-file centre.env",
    )  # fmt: skip
    showing.add_argument("--check", action="store_true", help="read every archive and hold each batch to its checksum")
    recovering = command(
        verbs, "recover", recover, "after `restore`: take batches back from archives that the database does not know",
        "cairn-central batches recover 2026-11-25-0f3a91c2.arrow --env-file centre.env",
    )  # fmt: skip
    recovering.add_argument("archive", nargs="*", help="as `batches show` names them; else all that it calls unknown")
    for parser in (compacting, showing, recovering):
        env_file(parser, "CAIRN_CENTRE_")


def compact(options: argparse.Namespace) -> Answer:
    """Exit code 2 when a day could not be archived; what was done is then told beside the refusal."""
    from dataclasses import asdict

    from central.batches.compaction import Compaction, NotArchived
    from central.retention.due import first_hour_kept
    from shared.clock import SystemClock

    engine, store = _opened(options)
    clock = SystemClock()
    compaction = Compaction(engine, store, clock, _teller())
    first = first_hour_kept(clock.now(), _rules(options))
    done = list(compaction.run(all_late=options.late, first_hour=first))
    if compaction.failed:
        for one in done:
            say(f"{one.day}: {one.moved} batches moved to {one.archive}")
        why = "; ".join(f"{day}: {error.message}" for day, error in compaction.failed.items())
        hint = "put the file back from a copy, or run `cairn-central batches recover` if the database was put back"
        raise NotArchived(f"not archived: {why}", hint=hint)
    return [asdict(one) for one in done]


def recover(options: argparse.Namespace) -> Answer:
    """Exit code 2 when anything could not be read; what was done is then told beside the refusal."""
    from dataclasses import asdict

    from central.batches.recovering import NotRecovered, strangers, take_all_back
    from central.retention.due import first_hour_kept
    from shared.clock import SystemClock

    engine, store = _opened(options)
    now, rules = SystemClock().now(), _rules(options)
    names = options.archive or strangers(engine, store)
    done = list(take_all_back(engine, store, names, first_hour_kept(now, rules), now))
    if wrong := [one for one in done if one.problem]:
        for one in done:
            say(f"{one.archive}: {one.batches} batches read, {one.taken} taken, {one.refused} refused")
        hint = "put these files back from a copy, and run this again"
        raise NotRecovered("; ".join(f"{one.archive}: {one.problem}" for one in wrong), hint=hint)
    return [{name: value for name, value in asdict(one).items() if name != "problem"} for one in done]


def show(options: argparse.Namespace) -> Answer:
    from central.batches.shown import days

    engine, store = _opened(options)
    return list(days(engine, store, say if options.check else None))


def _opened(options: argparse.Namespace) -> tuple[Engine, ArchivedBatchStore]:
    from central.batches.opening import archive_store
    from central.database import open_database
    from central.errors import BadSettings
    from central.settings import DatabaseSettings

    settings = DatabaseSettings.load(options.env_file)
    if not settings.archive:
        hint = "set CAIRN_CENTRE_ARCHIVE to file:///absolute/folder or s3://bucket/folder"
        raise BadSettings("no place for archives is set: all batches lie in the database", hint=hint)
    engine = open_database(settings.database.get_secret_value())
    return engine, archive_store(engine, settings.archive)


def _rules(options: argparse.Namespace) -> Rules:
    from central.retention.rules import load_rules
    from central.settings import DatabaseSettings

    return load_rules(DatabaseSettings.load(options.env_file).retention)


def _teller() -> Callable[[date, int, int], None]:
    """Tenths of a day: a day of a large city takes minutes."""
    told: dict[date, int] = {}

    def tell(day: date, done: int, of: int) -> None:
        tenth = 10 * done // max(of, 1)
        if tenth != told.get(day, 0):
            told[day] = tenth
            say(f"{day}: {done} of {of} batches written")

    return tell
