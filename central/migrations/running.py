"""Run the migrations. The only module that costs the import of alembic when a centre starts."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, text

from central.migrations import Tree, version

_LOCK_NUMBER = 0x6361_6972_6E  # "cairn": whoever else uses advisory locks in this PostgreSQL database, uses another
_ONE_AT_A_TIME = threading.Lock()  # alembic's `op` belongs to the whole process


def upgrade(engine: Engine, tree: Tree, to: str = "head", scripts: Path | None = None) -> None:
    """Bring a database up to a revision. One transaction: after a crash it is as it was before."""
    with _ONE_AT_A_TIME, _alone(engine) as connection:
        version(connection, tree)  # whoever held the lock before us may have been newer
        script = _scripts(scripts or tree.folder)
        context = EnvironmentContext(Config(), script, fn=lambda at, _: script._upgrade_revs(to, at))
        with context:
            context.configure(connection=connection)
            context.run_migrations()
        connection.commit()


@contextmanager
def _alone(engine: Engine) -> Iterator[Connection]:
    """A connection on which the only transaction that changes tables has begun."""
    with engine.connect().execution_options(cairn_writes=True) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})
            yield connection
            return
        raw: Any = connection.connection.dbapi_connection
        usual, raw.isolation_level = raw.isolation_level, None  # else the driver commits around every change of a table
        try:
            connection.begin()
            if not raw.in_transaction:
                raw.execute("BEGIN IMMEDIATE")
            yield connection
        finally:
            connection.rollback()
            raw.isolation_level = usual


@cache
def _scripts(folder: Path) -> ScriptDirectory:
    return ScriptDirectory(str(folder), version_locations=[str(folder)])
