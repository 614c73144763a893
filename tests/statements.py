"""SQLite's statements compiled once a process, not once a database: every test has databases of its own."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite


class AnySqlite(SQLiteDialect_pysqlite):
    """What SQLAlchemy makes of a statement is kept by dialect: here all engines' dialects are one and the same.

    They only differ by what an engine is told of JSON and isolation, which nobody here tells one.
    """

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self)

    def __hash__(self) -> int:
        return hash(type(self))


def compile_once() -> None:
    """From now on, the engines of this process share what they compile; before, that was a quarter of all tests."""
    compiled: dict[Any, Any] = {}

    def lend(connection: Connection) -> None:
        if isinstance(connection.dialect, AnySqlite):
            connection.execution_options(compiled_cache=compiled)

    registry.register("sqlite", __name__, AnySqlite.__name__)
    registry.register("sqlite.pysqlite", __name__, AnySqlite.__name__)
    event.listen(Engine, "engine_connect", lend)
