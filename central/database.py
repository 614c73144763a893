"""The centre's database: SQLite by default, PostgreSQL by its address. Sessions commit at the edge, never inside."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import DateTime, Engine, MetaData, event
from sqlalchemy.types import TypeDecorator
from sqlmodel import SQLModel, create_engine


class UtcTime(TypeDecorator[dt.datetime]):
    """SQLite forgets zones; this stores UTC and hands back aware times."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        return None if value is None else value.astimezone(dt.UTC).replace(tzinfo=None)

    def process_result_value(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        return None if value is None else value.replace(tzinfo=dt.UTC)


class CentreTable(SQLModel):
    """Metadata of its own: an authority's tables never appear in the centre's database."""

    metadata = MetaData()


def open_database(url: str) -> Engine:
    """Connect to `url` (sqlite:///FILE or postgresql+psycopg://…) and make the tables that are missing."""
    import central.accounts.tables
    import central.audit.tables
    import central.batches.tables
    import central.cases.tables
    import central.nodes.tables  # noqa: F401  importing a table is what enters it in the metadata

    arguments = {"check_same_thread": False, "timeout": 30} if url.startswith("sqlite") else {}
    engine = create_engine(url, connect_args=arguments)
    if url.startswith("sqlite"):
        event.listen(engine, "connect", _durable)
    CentreTable.metadata.create_all(engine)
    return engine


def _durable(connection: Any, _record: Any) -> None:
    # Acknowledged means durable: with FULL a committed batch survives a power cut.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")
