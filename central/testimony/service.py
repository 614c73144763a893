"""Keep the timeline that a patient tells: bounded by the case's window, without names, changed only on the record."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, delete, func, select

from central.accounts.tables import Account
from central.cases.access import own_case
from central.cases.tables import Case
from central.errors import CaseEnded, NotFound, TooMuch
from central.nodes.tables import Camera
from central.testimony.tables import ToldVisit
from shared.clock import as_utc
from shared.errors import BadInput
from shared.releases import scope_from_bytes

MAX_VISITS = 500
PLACE_CHARACTERS, NOTE_CHARACTERS = 200, 500
_CLOCKS_DIFFER = timedelta(minutes=5)
_BEFORE_WINDOW = timedelta(days=1)
# What points to a person: e-mail addresses, telephone numbers, Korean resident registration numbers.
_SOMEBODY = re.compile(
    r"[\w.+-]{1,64}@[\w-]+\.\w+"
    r"|(?<!\d)\d{6}[- ]?[1-8]\d{6}(?!\d)"
    r"|(?<!\d)(?:\+82[- ]?|0)\d{1,2}[- .]?\d{3,4}[- .]?\d{4}(?!\d)"
)
# A case that ended keeps its timeline to be read, but nobody adds to it.
_ENDED, _ERASED = ("withdrawn", "narrowed", "closed", "expired"), ("withdrawn",)


class NamesSomebody(BadInput):
    """A place or a note points to a person: a telephone number, an e-mail address, a resident registration number."""


def points_to_somebody(*texts: str) -> bool:
    """Whether there is such a thing in one of them."""
    return any(_SOMEBODY.search(text) for text in texts)


@dataclass(frozen=True, slots=True)
class Told:
    """A visit as it is entered. Times are aware; `zone` is the IANA name of the patient's own."""

    place: str
    start: datetime
    end: datetime
    zone: str
    camera: str | None = None
    latitude: float | None = None
    longitude: float | None = None
    note: str = ""


def add_visit(session: Session, account: Account, case: str, told: Told, now: datetime) -> ToldVisit:
    """Enter a visit. Raises NotFound, CaseEnded, BadInput and NamesSomebody, TooMuch."""
    row = _open(session, account, case, now)
    _check(session, row, told, now)
    count = session.exec(select(func.count()).select_from(ToldVisit).where(ToldVisit.case == case)).one()
    if count >= MAX_VISITS:
        raise TooMuch(f"a timeline holds at most {MAX_VISITS} visits", hint="join visits to one place")
    visit = ToldVisit(id=uuid.uuid4().hex, case=case, told_to=account.name, told_at=now, **_fields(told))
    session.add(visit)
    return visit


def change_visit(session: Session, account: Account, case: str, visit: str, told: Told, now: datetime) -> ToldVisit:
    """Put other words in the place of a visit's; what it said before is gone. Raises as add_visit does."""
    row = _open(session, account, case, now)
    found = _visit(session, case, visit)
    _check(session, row, told, now)
    for name, value in _fields(told).items():
        setattr(found, name, value)
    found.changed_at = now
    session.add(found)
    return found


def remove_visit(session: Session, account: Account, case: str, visit: str, now: datetime) -> None:
    """Raises NotFound, also when it was removed before."""
    _open(session, account, case, now)
    session.delete(_visit(session, case, visit))


def visits_of(session: Session, account: Account, case: str, now: datetime) -> list[ToldVisit]:
    """The timeline in order of time. CaseEnded for a withdrawn case, of which nothing is left."""
    row = own_case(session, account, case, now)
    if row.state in _ERASED:
        raise CaseEnded(f"case {case} was withdrawn", hint="open a new case if the patient wants to tell again")
    return timeline(session, case)


def timeline(session: Session, case: str) -> list[ToldVisit]:
    """The same, for reports that have checked who is asking."""
    query = select(ToldVisit).where(ToldVisit.case == case).order_by(col(ToldVisit.start), ToldVisit.id)
    return list(session.exec(query).all())


def forget_visits(session: Session, case: str) -> int:
    """Erase a case's whole timeline; returns how many visits. The caller commits."""
    return int(session.execute(delete(ToldVisit).where(col(ToldVisit.case) == case)).rowcount)  # type: ignore[attr-defined]


def _open(session: Session, account: Account, case: str, now: datetime) -> Case:
    row = own_case(session, account, case, now)
    if row.state in _ENDED:
        raise CaseEnded(f"case {case} has ended", hint="open a new case to go on")
    return row


def _visit(session: Session, case: str, visit: str) -> ToldVisit:
    found = session.get(ToldVisit, visit)
    if found is None or found.case != case:
        raise NotFound("there is no such visit in this case", hint="see: cairn-central testimony list")
    return found


def _fields(told: Told) -> dict[str, Any]:
    plain = {name: getattr(told, name) for name in Told.__dataclass_fields__}
    return plain | {"start": as_utc(told.start), "end": as_utc(told.end)}


def _check(session: Session, row: Case, told: Told, now: datetime) -> None:
    scope = scope_from_bytes(row.scope)
    start, end = as_utc(told.start), as_utc(told.end)
    if not told.place.strip() or len(told.place) > PLACE_CHARACTERS or len(told.note) > NOTE_CHARACTERS:
        hint = f"up to {PLACE_CHARACTERS} characters for the place, {NOTE_CHARACTERS} for the note"
        raise BadInput("a visit needs a place, and not a long text", hint=hint)
    if start > end:
        raise BadInput("the visit ends before it begins", hint="check both times and their zones")
    if end > now + _CLOCKS_DIFFER:
        raise BadInput("the visit is in the future", hint="a timeline looks back; check the time zone")
    earliest = scope.start - _BEFORE_WINDOW
    if end < earliest or start > scope.end:
        hint = f"only what lies between {scope.start.isoformat()} and {scope.end.isoformat()} belongs to this case"
        raise BadInput("the visit lies outside the case's window", hint=hint)
    if start < earliest:
        hint = f"check the year; of a longer stay enter the part from {earliest.isoformat()} on"
        raise BadInput("the visit begins long before the case's window", hint=hint)
    if points_to_somebody(told.place, told.note):
        raise NamesSomebody("the words point to a person", hint="write places and times; leave out who was there")
    _check_place(session, told)


def _check_place(session: Session, told: Told) -> None:
    try:
        ZoneInfo(told.zone)
    except (ValueError, OSError, KeyError):
        raise BadInput(f"there is no time zone {told.zone[:40]!r}", hint="write it as in Asia/Seoul") from None
    if (told.latitude is None) != (told.longitude is None):
        raise BadInput("a place on the map needs latitude and longitude", hint="give both, or neither")
    if not (-90 <= (told.latitude or 0.0) <= 90 and -180 <= (told.longitude or 0.0) <= 180):
        raise BadInput("this is no place on earth", hint="degrees north -90..90, degrees east -180..180")
    if told.camera is not None and session.get(Camera, told.camera) is None:
        raise BadInput("there is no such camera", hint="list them with: cairn-central camera list")
