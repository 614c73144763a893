"""The audit log's rows."""

from __future__ import annotations

import datetime as dt

from sqlmodel import Field

from central.database import CentreTable, UtcTime


class AuditEntry(CentreTable, table=True):
    """One act; `chain` is SHA-256 over the entry before and this one, so that an edit shows."""

    id: int | None = Field(default=None, primary_key=True)
    at: dt.datetime = Field(sa_type=UtcTime)
    account: str
    action: str
    case: str = Field(default="", index=True)
    detail: str = ""
    chain: bytes
