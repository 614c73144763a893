"""Notice that a database is a copy that was put back, however it was put back."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.exc import ProgrammingError
from sqlmodel import Session

from central.backups.tables import ServedAt
from central.database import writing


def put_back(engine: Engine) -> str | None:
    """What the database says of the place it comes from, when that is not where it is; None when it is at home.

    A database that was merely moved looks the same, which costs one question to the authorities.
    """
    with Session(engine) as session:
        row = session.get(ServedAt, 1)
    return None if row is None or row.place == place(engine) else row.place


def at_home(engine: Engine) -> None:
    """From now on it is at home here."""
    with writing(engine) as session:
        session.merge(ServedAt(place=place(engine)))
        session.commit()


def place(engine: Engine) -> str:
    """SQLite: the file's own number on its disk. PostgreSQL: the server, the database's number, the line of history."""
    if engine.dialect.name == "sqlite":
        return f"file {Path(engine.url.database or '.').stat().st_ino}"
    with engine.connect() as connection:
        number = connection.execute(text("SELECT oid FROM pg_database WHERE datname = current_database()")).scalar_one()
        try:
            history = connection.execute(
                text("SELECT system_identifier, timeline_id FROM pg_control_system(), pg_control_checkpoint()")
            ).one()
        except ProgrammingError:  # not allowed to this account: a restore into a new database is noticed all the same
            return f"database {number}"
    return f"database {number} of {history[0]}/{history[1]}"
