"""Leave as little as can be left of erased rows on the database's disk.

SQLite overwrites what is erased (secure_delete) and its write-ahead log is emptied here. On PostgreSQL the short tables
of routes and testimony are written anew without it; in the others VACUUM gives the room of dead rows back, and later
rows overwrite it. The server's write-ahead log, its archive, replicas and base backups hold old rows for as long as the
administrator keeps them, and a deleted file's blocks until the disk uses them again. `cairn-central database check`
says so.
"""

from __future__ import annotations

import logging

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

log = logging.getLogger(__name__)

# Where people's data is erased. Batches are dropped in bulk, when nobody can open them any more.
_REWRITTEN = "foundroute, toldvisit"
_GIVEN_BACK = '"case", routejob'
_LOCK_WAIT = "2s"  # a page that reads a route is done sooner


def scrub(engine: Engine) -> bool:
    """Never waits: boxes must be able to deliver. False when somebody was in the way; try again later."""
    return _checkpointed(engine) if engine.dialect.name == "sqlite" else _vacuumed(engine)


def _checkpointed(engine: Engine) -> bool:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        patience = connection.execute(text("PRAGMA busy_timeout")).scalar_one()
        connection.execute(text("PRAGMA busy_timeout = 0"))
        try:
            busy = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).one()[0]
        except OperationalError:
            busy = 1  # while a search reads, nothing can be pushed out
        finally:
            connection.execute(text(f"PRAGMA busy_timeout = {int(patience)}"))
    return not busy


def _vacuumed(engine: Engine) -> bool:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # Rows that an older transaction may still read are not given back yet.
        older = connection.execute(text(_READERS)).scalar_one()
        try:
            connection.execute(text(f"SET lock_timeout = '{_LOCK_WAIT}'"))
            connection.execute(text(f"VACUUM (FULL) {_REWRITTEN}"))
            connection.execute(text(f"VACUUM (SKIP_LOCKED) {_GIVEN_BACK}"))
        except DBAPIError as error:
            log.warning("erased rows wait for VACUUM: %s", type(error.orig).__name__)
            return False
        finally:
            connection.execute(text("RESET lock_timeout"))
    return int(older) == 0


_READERS = (
    "SELECT count(*) FROM pg_stat_activity "
    "WHERE datname = current_database() AND backend_xmin IS NOT NULL AND pid <> pg_backend_pid()"
)
