"""What travels about a told timeline over HTTP. Times carry their zone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from central.answers import Name
from central.routes.route import Visit
from central.testimony.comparison import Compared, Comparison, Verdict, Why
from central.testimony.service import NOTE_CHARACTERS, PLACE_CHARACTERS, Told
from central.testimony.tables import ToldVisit


class TellVisit(BaseModel):
    """A place and a time as the patient remembers them. No names: `note` says what, never who."""

    model_config = ConfigDict(extra="forbid")

    place: str = Field(min_length=1, max_length=PLACE_CHARACTERS)
    start: AwareDatetime
    end: AwareDatetime
    zone: str | None = Field(default=None, max_length=64, description="the patient's own time zone; else the centre's")
    camera: Name | None = None
    latitude: float | None = None
    longitude: float | None = None
    note: str = Field(default="", max_length=NOTE_CHARACTERS)

    def told(self, zone: str) -> Told:
        """`zone` is that of a patient who names none."""
        return Told(**(self.model_dump() | {"zone": zone if self.zone is None else self.zone}))


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


class SeenOut(BaseModel):
    """A visit of the route; `metres` is how far it was from the stated place, where that is known."""

    sighting: str
    camera: str
    start: datetime
    end: datetime
    mask: str
    confidence: float
    metres: float | None = None


class CoverageOut(BaseModel):
    """What backs a verdict: cameras within 100 m, and of how many hours of their cells (`hours`) so many were searched,
    and had sent anything."""

    cameras: list[str]
    hours: int
    searched: int
    sent: int


class ComparedOut(BaseModel):
    """One stated stay. `confirmed`: seen there; `contradicted`: seen elsewhere; `not seen`: cameras in reach were
    searched and sending and did not see the patient, which is no evidence of absence; `not covered`: and `why`. `start`
    and `end` are in UTC, `local_start` and `local_end` in `zone`, the patient's own."""

    visit: str
    place: str
    start: datetime
    end: datetime
    zone: str
    local_start: datetime
    local_end: datetime
    verdict: Verdict
    why: Why | None
    confidence: float | None
    coverage: CoverageOut
    there: list[SeenOut]
    elsewhere: list[SeenOut]


class ComparisonOut(BaseModel):
    """The told timeline beside the route. `missed` are visits that no stated stay covers; `zone` is the centre's."""

    case: str
    found_at: datetime
    zone: str
    stays: list[ComparedOut]
    missed: list[SeenOut]


def comparison_out(
    case: str, found_at: datetime, zone: str, told: Sequence[VisitOut], comparison: Comparison
) -> ComparisonOut:
    """`told` are the visits of the comparison's stays, which bear their numbers."""
    words = {one.id: one for one in told}
    stays = [_compared(one, words[one.stated.name]) for one in comparison.stays]
    missed = [_seen(visit) for visit in comparison.missed]
    return ComparisonOut(case=case, found_at=found_at, zone=zone, stays=stays, missed=missed)


def _compared(one: Compared, told: VisitOut) -> ComparedOut:
    plain = {name: getattr(told, name) for name in ("place", "start", "end", "zone", "local_start", "local_end")}
    return ComparedOut(
        visit=told.id, **plain, verdict=one.verdict, why=one.why, confidence=one.confidence,
        coverage=CoverageOut(**asdict(one.coverage)), there=[_seen(visit) for visit in one.there],
        elsewhere=[_seen(visit, metres) for visit, metres in one.elsewhere],
    )  # fmt: skip


def _seen(visit: Visit, metres: float | None = None) -> SeenOut:
    seen = visit.candidate
    return SeenOut(
        sighting=seen.sighting, camera=seen.camera, start=seen.start, end=seen.end, mask=seen.mask.label,
        confidence=visit.confidence, metres=None if metres is None else round(metres),
    )  # fmt: skip


def visit_out(row: ToldVisit) -> VisitOut:
    zone = ZoneInfo(row.zone)
    plain = {name: getattr(row, name) for name in VisitOut.model_fields if not name.startswith("local_")}
    return VisitOut(**plain, local_start=row.start.astimezone(zone), local_end=row.end.astimezone(zone))
