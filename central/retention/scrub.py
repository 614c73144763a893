"""Leave as little as can be left of erased rows on the database's disk.

SQLite overwrites what is erased (secure_delete) and its write-ahead log is emptied here. PostgreSQL's VACUUM gives the
room of dead rows back, and later rows overwrite it; its own write-ahead log, its archive, replicas and base backups
hold the old rows for as long as the administrator keeps them. See `cairn-central database check`.
"""

from __future__ import annotations

import logging

from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, OperationalError

log = logging.getLogger(__name__)

# Where people's data is erased; batches are dropped in bulk, and nobody can open them any more by then.
_TABLES = ('"case"', "foundroute", "routejob", "auditentry")


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
        older = connection.execute(
            text(
                "SELECT count(*) FROM pg_stat_activity "
                "WHERE datname = current_database() AND backend_xmin IS NOT NULL AND pid <> pg_backend_pid()"
            )
        ).scalar_one()
        try:
            connection.execute(text(f"VACUUM (SKIP_LOCKED) {', '.join(_TABLES)}"))
        except DBAPIError as error:
            log.warning("erased rows wait for VACUUM: %s", type(error.orig).__name__)
            return False
    return int(older) == 0
