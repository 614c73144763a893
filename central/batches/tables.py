"""Sealed batches as they came, and what was refused."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlmodel import Field

from central.database import CentreTable, UtcTime


class StoredBatch(CentreTable, table=True):
    """One verified batch: its clear header in columns, and its bytes."""

    __table_args__ = (
        UniqueConstraint("node", "boot", "sequence"),
        Index("ix_storedbatch_epoch", "cell", "hour"),
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


class RefusedBatch(CentreTable, table=True):
    """What came in and was not taken; the node is the topic's, which the broker has proven."""

    id: int | None = Field(default=None, primary_key=True)
    at: dt.datetime = Field(sa_type=UtcTime, index=True)
    node: str
    reason: str
    size: int
