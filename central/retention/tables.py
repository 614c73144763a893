"""What remains of a case whose time is over."""

from __future__ import annotations

import datetime as dt

from sqlmodel import Field

from central.database import CentreTable, UtcTime


class PastCase(CentreTable, table=True):
    """That there was a case of this name: it is not used again, and the log's words of it go in their time."""

    case: str = Field(primary_key=True)
    state: str
    ended_at: dt.datetime = Field(sa_type=UtcTime, index=True)
    erased_at: dt.datetime = Field(sa_type=UtcTime)
