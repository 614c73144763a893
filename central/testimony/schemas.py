"""What travels about a told timeline over HTTP. Times carry their zone."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from central.answers import Name
from central.testimony.service import NOTE_CHARACTERS, PLACE_CHARACTERS, Told
from central.testimony.tables import ToldVisit


class TellVisit(BaseModel):
    """A place and a time as the patient remembers them. No names: `note` says what, never who."""

    model_config = ConfigDict(extra="forbid")

    place: str = Field(min_length=1, max_length=PLACE_CHARACTERS)
    start: AwareDatetime
    end: AwareDatetime
    zone: str = Field(default="Asia/Seoul", max_length=64, description="the patient's own time zone")
    camera: Name | None = None
    latitude: float | None = None
    longitude: float | None = None
    note: str = Field(default="", max_length=NOTE_CHARACTERS)

    def told(self) -> Told:
        return Told(**self.model_dump())


class VisitOut(BaseModel):
    """`start` and `end` are in UTC, `local_start` and `local_end` as they were told."""

    id: str
    place: str
    start: datetime
    end: datetime
    zone: str
    local_start: datetime
    local_end: datetime
    camera: str | None
    latitude: float | None
    longitude: float | None
    note: str
    told_to: str
    told_at: datetime
    changed_at: datetime | None


def visit_out(row: ToldVisit) -> VisitOut:
    zone = ZoneInfo(row.zone)
    plain = {name: getattr(row, name) for name in VisitOut.model_fields if not name.startswith("local_")}
    return VisitOut(**plain, local_start=row.start.astimezone(zone), local_end=row.end.astimezone(zone))
