"""Triggers that keep the rows of a log from being changed or deleted.

SQLite drops them whenever it rebuilds a table, so a revision that changes such a table makes them again.
"""

from __future__ import annotations

from alembic import op


def append_only(table: str) -> None:
    """Refuse every UPDATE and DELETE of `table` from now on (SQLite)."""
    for act in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER IF NOT EXISTS {table}_no_{act.lower()} BEFORE {act} ON {table} "
            "BEGIN SELECT RAISE(ABORT, 'the log is append-only'); END"
        )
