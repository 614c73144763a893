"""cairn-central database: at which revision a database is, whether it is whole, and bringing it up."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from central.cli import Answer, Groups, command, env_file, group

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from central.migrations.trees import Tree


def add_parser(groups: Groups) -> None:
    verbs = group(groups, "database", "the centre's database, or with --authority an authority's")
    parsers = [
        command(
            verbs, "show", show, "show where a database is and at which revision; changes nothing",
            "cairn-central database show --env-file centre.env",
        ),
        command(
            verbs, "check", check, "check that a database is whole and as this software expects it",
            "cairn-central database check --env-file centre.env",
        ),
        command(
            verbs, "upgrade", upgrade, "bring a database up to this software's revision; programs do it by themselves",
            "cairn-central database upgrade --authority --env-file north.env",
        ),
    ]  # fmt: skip
    for parser in parsers:
        parser.add_argument(
            "--authority", action="store_true", help="an authority's database (CAIRN_AUTHORITY_DATABASE)"
        )
        env_file(parser, "CAIRN_CENTRE_ or CAIRN_AUTHORITY_")


def show(options: argparse.Namespace) -> Answer:
    from central.migrations.trees import version

    engine, tree = _there(options)
    with engine.connect() as connection:
        found = version(connection, tree)
    return {
        "database": engine.url.render_as_string(hide_password=True),
        "revision": found or "none: an empty database, or one of version 0.1.0",
        "newest": tree.newest,
        "up_to_date": found == tree.newest,
    }


def check(options: argparse.Namespace) -> Answer:
    from sqlalchemy.exc import DatabaseError

    from central.errors import BadSettings
    from central.migrations.revise import differences_in_words, models
    from central.migrations.trees import version

    engine, tree = _there(options)
    try:
        with engine.connect() as connection:
            found, wrong = version(connection, tree), _damage(connection)
    except DatabaseError as error:
        raise BadSettings(f"the database is damaged: {error.orig}", hint=_KEEP) from None
    if found != tree.newest:
        hint = "bring it up: cairn-central database upgrade"
        raise BadSettings(f"the database is at revision {found or 'none'}, not {tree.newest}", hint=hint)
    if wrong := wrong + differences_in_words(engine, models(tree)):
        raise BadSettings(f"the database is damaged: {'; '.join(wrong[:5])}", hint=_KEEP)
    return {"revision": found, "whole": True, "erased_rows": _REMAINS[engine.dialect.name]}


def upgrade(options: argparse.Namespace) -> Answer:
    from central.migrations.trees import bring_up, version

    engine, tree = _there(options)
    with engine.connect() as connection:
        before = version(connection, tree)
    bring_up(engine, tree)
    return {"from": before or "none", "to": tree.newest}


_KEEP = "restore a backup, and keep this file for whoever looks into it"
_REMAINS = {
    "sqlite": "overwritten when they are erased; the write-ahead log is emptied after it",
    "postgresql": "their room is given back by VACUUM and overwritten later; the server's write-ahead log, its "
    "archive, replicas and base backups keep old rows for as long as the administrator lets them",
}


def _there(options: argparse.Namespace) -> tuple[Engine, Tree]:
    from central.migrations.trees import AUTHORITY, CENTRE

    if options.authority:
        from central.authority.settings import AuthoritySettings
        from central.authority.tables import connect

        path = AuthoritySettings.load(options.env_file).database
        _must_exist(str(path))
        return connect(path), AUTHORITY
    from central.database import connect as connect_centre
    from central.settings import DatabaseSettings

    engine = connect_centre(DatabaseSettings.load(options.env_file).database.get_secret_value())
    return engine, CENTRE


def _must_exist(path: str) -> None:
    from central.errors import BadSettings

    if not Path(path).is_file():
        raise BadSettings(f"there is no database {path}", hint="the program that uses it makes it when it first starts")


def _damage(connection: Any) -> list[str]:
    """What SQLite itself finds wrong; PostgreSQL's own tool for that is pg_amcheck."""
    if connection.dialect.name != "sqlite":
        return []
    found = [str(line) for (line,) in connection.exec_driver_sql("PRAGMA integrity_check")]
    return [] if found == ["ok"] else found
