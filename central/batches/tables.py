"""Sealed batches as they came, and what was refused."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import BigInteger, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field

from central.database import CentreTable, UtcTime


class StoredBatch(CentreTable, table=True):
    """One verified batch: its clear header in columns, and its bytes.

    When its day is archived the row stays, so that what is counted, dropped and sent twice is known without the
    archive: `raw` is then empty, `archived_bytes` its length (0 while it is here), `digest` its SHA-256.
    """

    __table_args__ = (
        UniqueConstraint("node", "boot", "sequence"),
        Index("ix_storedbatch_lying", "cell", "hour", "archived_bytes"),  # a search skips archived rows unread
        Index("ix_storedbatch_hour", "hour"),  # retention drops hour by hour
    )

    id: int | None = Field(default=None, primary_key=True)
    node: str
    # Numbers of the header go up to 2³², which PostgreSQL's plain integer does not hold.
    boot: int = Field(sa_type=BigInteger)
    sequence: int = Field(sa_type=BigInteger)
    covers: int = Field(sa_type=BigInteger)
    cell: str
    hour: int
    clock_error_ms: int = Field(sa_type=BigInteger)
    people: int = Field(sa_type=BigInteger)
    mask_worn: int = Field(sa_type=BigInteger)
    mask_incorrect: int = Field(sa_type=BigInteger)
    mask_absent: int = Field(sa_type=BigInteger)
    mask_unknown: int = Field(sa_type=BigInteger)
    received_at: dt.datetime = Field(sa_type=UtcTime)
    raw: bytes
    archived_bytes: int = Field(default=0, sa_type=BigInteger)
    digest: bytes | None = Field(default=None, sa_type=LargeBinary, nullable=True)


class BatchArchive(CentreTable, table=True):
    """One file of archived batches, entered before it is written: whatever happens, it is known and goes in the end.

    `delete_after` is when it goes; None while it is in use. `batches` and `bytes` are 0 until it is complete.
    """

    name: str = Field(primary_key=True)
    day: dt.date
    made_at: dt.datetime = Field(sa_type=UtcTime)
    delete_after: dt.datetime | None = Field(default=None, sa_type=UtcTime, index=True)
    batches: int = 0
    bytes: int = Field(default=0, sa_type=BigInteger)


class ArchivedHour(CentreTable, table=True):
    """In which file an hour's archived batches are read. A later file may hold more of the same hour."""

    hour: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    archive: str = Field(index=True)


class RefusedBatch(CentreTable, table=True):
    """What came in and was not taken; the node is the topic's, which the broker has proven."""

    id: int | None = Field(default=None, primary_key=True)
    at: dt.datetime = Field(sa_type=UtcTime, index=True)
    node: str
    reason: str
    size: int
