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

from central.migrations.trees import WRITERS_LOCK, Tree, version

_PATIENCE_S = 3600  # another program may be bringing up a large database
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
    options = {"cairn_writes": True, "cairn_patience_s": _PATIENCE_S}
    with engine.connect().execution_options(**options) as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": WRITERS_LOCK})
            yield connection
            return
        raw: Any = connection.connection.dbapi_connection
        usual, raw.isolation_level = raw.isolation_level, None  # else the driver commits around every change of a table
        try:
            (waits_ms,) = raw.execute("PRAGMA busy_timeout").fetchone()
            raw.execute(f"PRAGMA busy_timeout = {_PATIENCE_S * 1000}")
            connection.begin()
            if not raw.in_transaction:
                raw.execute("BEGIN IMMEDIATE")
            yield connection
        finally:
            connection.rollback()
            raw.execute(f"PRAGMA busy_timeout = {waits_ms}")
            raw.isolation_level = usual


@cache
def _scripts(folder: Path) -> ScriptDirectory:
    return ScriptDirectory(str(folder), version_locations=[str(folder)])
