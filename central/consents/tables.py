"""What proves that a patient was asked: every receipt as it was signed. It outlives the case, for its own time."""

from __future__ import annotations

import datetime as dt

from sqlmodel import Field

from central.database import CentreTable, UtcTime


class ConsentRecord(CentreTable, table=True):
    """One receipt. `document` is document_bytes; `notice` the notice as it was shown, JSON; `basis` the law, JSON.

    `withdrawn` names the scopes that were taken back at `ended_at`, on word to somebody in the role `ended_by`.
    """

    receipt: str = Field(primary_key=True)
    case: str = Field(index=True)
    document: bytes
    signature: bytes
    notice: str
    basis: str
    taken_at: dt.datetime = Field(sa_type=UtcTime)
    keep_until: dt.datetime = Field(sa_type=UtcTime, index=True)
    replaced_at: dt.datetime | None = Field(default=None, sa_type=UtcTime)
    withdrawn: str = ""
    ended_at: dt.datetime | None = Field(default=None, sa_type=UtcTime)
    ended_by: str = ""
