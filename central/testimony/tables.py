"""Visits as a patient told them."""

from __future__ import annotations

import datetime as dt

from sqlmodel import Field

from central.database import CentreTable, UtcTime


class ToldVisit(CentreTable, table=True):
    """One place and time from memory. `zone` is the patient's own, so that the times are shown as they were told."""

    id: str = Field(primary_key=True)
    case: str = Field(index=True)
    place: str
    start: dt.datetime = Field(sa_type=UtcTime)
    end: dt.datetime = Field(sa_type=UtcTime)
    zone: str
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    note: str = ""
    told_to: str
    told_at: dt.datetime = Field(sa_type=UtcTime)
    changed_at: dt.datetime | None = Field(default=None, sa_type=UtcTime)
