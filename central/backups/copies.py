"""Copy SQLite's database while it is in use, and put a copy back. A PostgreSQL server has tools of its own for it.

A copy holds no day secret and no template, which are never in this database, and no route: those can be found again
while the keys of their days exist, and must not outlive them in a drawer.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine, make_url

from central.audit.service import record
from central.database import open_database, writing
from central.migrations.trees import CENTRE, VERSION_TABLE, must_know
from shared.errors import BadInput

_LEFT_OUT = (
    "DELETE FROM foundroute",
    "UPDATE routejob SET candidates = 0",
    'UPDATE "case" SET pseudonym_key = NULL',
)
_DUMP = "pg_dump --format=custom --exclude-table-data=foundroute --file=FILE DATABASE"
_LOAD = "createdb DATABASE, then: pg_restore --dbname=DATABASE FILE"


class CopyRefused(BadInput):
    """A backup cannot be made or put back like this."""


def back_up(engine: Engine, file: Path, now: datetime) -> int:
    """Write a copy that stands for itself; returns its bytes. Raises CopyRefused. Nobody has to stop for it."""
    source = _file_of(engine, f"use PostgreSQL's own: {_DUMP}")
    if file.exists():
        raise CopyRefused(f"{file} is there already", hint="choose another name; a backup is never overwritten")
    with writing(engine) as session:
        record(session, now, "console", "backed up", detail=file.name)
    fresh = file.with_name(file.name + ".new")
    try:
        os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(source, timeout=30)) as live, closing(sqlite3.connect(fresh)) as copy:
            live.backup(copy)
            _leave_out(copy, now)
        _synced(fresh)
        fresh.rename(file)
    except OSError as error:
        hint = "look at the disk; nothing was changed" + (f", delete {fresh}" if fresh.exists() else "")
        raise CopyRefused(f"{file} cannot be written: {error.strerror}", hint=hint) from None
    except BaseException:
        with suppress(FileNotFoundError):
            fresh.unlink()
        raise
    return file.stat().st_size


def restore(file: Path, url: str, now: datetime) -> str:
    """Put a copy where the database belongs; returns what it is a copy of. Raises CopyRefused, NewerDatabase.

    `serve` notices by itself, and asks the authorities what has ended meanwhile before it serves anything.
    """
    place = make_url(url)
    if not place.drivername.startswith("sqlite") or not place.database:
        raise CopyRefused("this is no SQLite database", hint=f"use PostgreSQL's own: {_LOAD}")
    target = Path(place.database)
    for left in (target, *(Path(f"{target}-{end}") for end in ("wal", "shm", "journal"))):
        if left.exists():
            hint = "move it away, and delete it when its time is over: nothing destroys what is old in it any more"
            raise CopyRefused(f"{left} is there already", hint=hint)
    origin = _looked_at(file)
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(target.name + ".new")
    shutil.copyfile(file, fresh)
    fresh.chmod(0o600)
    _synced(fresh)
    fresh.rename(target)
    engine = open_database(url)
    with writing(engine) as session:
        record(session, now, "console", "restored", detail=origin)
    engine.dispose()
    return origin


def _leave_out(copy: sqlite3.Connection, now: datetime) -> None:
    copy.execute("PRAGMA secure_delete = ON")
    copy.execute("PRAGMA journal_mode = DELETE")
    for statement in _LEFT_OUT:
        copy.execute(statement)
    copy.execute("INSERT OR REPLACE INTO servedat (id, place) VALUES (1, ?)", (f"copy of {now.isoformat()}",))
    copy.commit()
    if damage := copy.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
        raise CopyRefused(f"the database is damaged: {damage}", hint="keep this file, and look at: database check")


def _looked_at(file: Path) -> str:
    """Of when it is a copy. Raises CopyRefused for what is no whole database of ours."""
    hint = "name a file that cairn-central backup wrote"
    if not file.is_file():
        raise CopyRefused(f"there is no {file}", hint=hint)
    try:
        with closing(sqlite3.connect(f"file:{file}?mode=ro&immutable=1", uri=True)) as raw:
            whole = raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            found = [str(value) for (value,) in raw.execute(f"SELECT version_num FROM {VERSION_TABLE}")]  # noqa: S608
            must_know(found[0], CENTRE)
            origin = [str(value) for (value,) in raw.execute("SELECT place FROM servedat")]
    except (sqlite3.DatabaseError, IndexError):
        raise CopyRefused(f"{file} is no whole database of a centre", hint=hint) from None
    if not whole:
        raise CopyRefused(f"{file} is damaged", hint="take an older backup")
    return origin[0] if origin else "a database that was never served"


def _file_of(engine: Engine, hint: str) -> str:
    if engine.dialect.name != "sqlite" or not engine.url.database:
        raise CopyRefused("this is no SQLite database", hint=hint)
    return engine.url.database


def _synced(file: Path) -> None:
    with file.open("rb") as handle:
        os.fsync(handle.fileno())
