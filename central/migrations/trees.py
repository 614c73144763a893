"""Every shape that our databases ever had, in order: a new one is made by the migrations, an old one is brought up.

Two trees, because an authority's office has a database of its own: `centre` and `authority`. Opening a database that is
up to date reads one row and never imports alembic. There is no way down: restore a backup instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from central.errors import NewerDatabase

VERSION_TABLE = "alembic_version"
WRITERS_LOCK = 0x6361_6972_6E  # PostgreSQL's advisory lock of whoever writes or changes tables: "cairn"


@dataclass(frozen=True, slots=True)
class Tree:
    """One line of revisions, oldest first; `tables` are the modules whose import enters the tables of today."""

    name: str
    revisions: tuple[str, ...]

    @property
    def newest(self) -> str:
        return self.revisions[-1]

    @property
    def folder(self) -> Path:
        return Path(__file__).parent / self.name


CENTRE = Tree("centre", ("0001", "0002"))
AUTHORITY = Tree("authority", ("0001", "0002"))


def bring_up(engine: Engine, tree: Tree) -> None:
    """Make the tables, or change those of an earlier version, in one transaction and however many open it at once.

    Raises NewerDatabase for one that a later version of the software has changed.
    """
    with engine.connect() as connection:
        found = version(connection, tree)
    if found != tree.newest:
        from central.migrations.running import upgrade  # noqa: PLC0415  (alembic takes a quarter of a second)

        upgrade(engine, tree)


def version(connection: Connection, tree: Tree) -> str | None:
    """The revision that a database is at; None for an empty one and for one from before there were revisions."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    return must_know(connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar(), tree)  # noqa: S608


def must_know(found: str | None, tree: Tree) -> str | None:
    """Raises NewerDatabase for a revision that this software has never heard of."""
    if found is not None and found not in tree.revisions:
        hint = f"this software knows revisions up to {tree.newest}: install the newer version, or restore a backup"
        raise NewerDatabase(f"the database is at revision {str(found)[:32]}", hint=hint)
    return found
