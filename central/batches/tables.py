"""Sealed batches as they came, and what was refused."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from central.database import CentreTable, UtcTime


class StoredBatch(CentreTable, table=True):
    """One verified batch: its clear header in columns, and its bytes."""

    __table_args__ = (
        UniqueConstraint("node", "boot", "sequence"),
        Index("ix_storedbatch_epoch", "cell", "hour"),
    )

    id: int | None = Field(default=None, primary_key=True)
    node: str
    boot: int
    sequence: int
    covers: int
    cell: str
    hour: int
    clock_error_ms: int
    people: int
    mask_worn: int
    mask_incorrect: int
    mask_absent: int
    mask_unknown: int
    received_at: dt.datetime = Field(sa_type=UtcTime)
    raw: bytes


class RefusedBatch(CentreTable, table=True):
    """What came in and was not taken; the node is the topic's, which the broker has proven."""

    id: int | None = Field(default=None, primary_key=True)
    at: dt.datetime = Field(sa_type=UtcTime)
    node: str
    reason: str
    size: int
