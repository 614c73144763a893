"""What a tracer does with a case besides searching it: end it, share it, take down what the patient says, print papers.

Every act goes through the API's own functions, so rights, limits and audit are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Query, Request, Response
from pydantic import ValidationError

from central.accounts.endpoints import At
from central.accounts.service import Role, require
from central.answers import Name
from central.cases import endpoints as cases
from central.cases.schemas import Share
from central.cases.service import ENDED, ERASED
from central.consents.endpoints import consent_pdf, consent_svg
from central.errors import BadRequest
from central.reports.endpoints import subject_html
from central.routes import endpoints as routes
from central.routes.schemas import SayWord
from central.routes.store import DONE
from central.routes.words import Word, sighting_name
from central.testimony import endpoints as testimony
from central.testimony.comparison import Verdict
from central.testimony.schemas import TellVisit, VisitOut
from central.web.rendering import language_of, zone_of
from central.web.routing import page_router, shown, to
from central.web.visitors import Form, Sender, Visit
from shared.epochs import Modality
from shared.errors import BadInput
from shared.ids import check_id

router = page_router()


@router.get("/cases/{case}/end")
def ask_end(
    request: Request, case: Name, centre: At, visit: Visit, how: Annotated[str, Query(pattern="^(withdraw|close)$")]
) -> Response:
    """Ending a case is for good, so it is asked once more."""
    require(visit.account, Role.TRACER)
    found = cases.show_case(case, centre, visit.account)
    left = [scope for scope in (found.consent.scopes if found.consent else []) if scope not in found.withdrawn]
    return shown(request, visit, "end.html", case=found, how=how, scopes=left if len(left) > 1 else [])


@router.post("/cases/{case}/withdraw")
def withdraw(case: Name, centre: At, fields: Form, visit: Sender) -> Response:
    """The whole consent, or one scope of it."""
    require(visit.account, Role.TRACER)
    scope = fields.get("scope", "")
    if scope not in ("all", *Modality):
        raise BadRequest("there is no such scope", hint="go back and choose one")
    cases.withdraw(case, centre, visit.account, None if scope == "all" else Modality(scope))
    return to(f"/cases/{case}")


@router.post("/cases/{case}/close")
def close(case: Name, centre: At, visit: Sender) -> Response:
    require(visit.account, Role.TRACER)
    cases.close(case, centre, visit.account)
    return to(f"/cases/{case}")


@router.post("/cases/{case}/share")
def share(request: Request, case: Name, centre: At, fields: Form, visit: Sender) -> Response:
    require(visit.account, Role.TRACER)
    other = check_id(fields.get("who", "").strip(), "account")
    cases.share(case, other, Share(until=_moment(fields, "until", zone_of(request))), centre, visit.account)
    return to(f"/cases/{case}")


@router.post("/cases/{case}/unshare")
def unshare(case: Name, centre: At, fields: Form, visit: Sender) -> Response:
    require(visit.account, Role.TRACER)
    cases.unshare(case, check_id(fields.get("who", ""), "account"), centre, visit.account)
    return to(f"/cases/{case}")


@router.get("/cases/{case}/consent.pdf")
def paper(case: Name, centre: At, visit: Visit) -> Response:
    """The patient's copy, in the language in which they were asked."""
    require(visit.account, Role.TRACER)
    return consent_pdf(case, centre, visit.account)


@router.get("/cases/{case}/consent.svg")
def code(case: Name, centre: At, visit: Visit) -> Response:
    require(visit.account, Role.TRACER)
    return consent_svg(case, centre, visit.account)


@router.get("/cases/{case}/report")
def subject(request: Request, case: Name, centre: At, visit: Visit) -> Response:
    """What was done under the case, for its patient."""
    require(visit.account, Role.TRACER)
    return subject_html(case, centre, visit.account, language_of(request))


@router.get("/cases/{case}/timeline")
def timeline(
    request: Request, case: Name, centre: At, visit: Visit, change: Annotated[str, Query(max_length=63)] = ""
) -> Response:
    """Where the patient says to have been; `change` is the visit that the form holds."""
    require(visit.account, Role.TRACER)
    found = cases.show_case(case, centre, visit.account)
    told = testimony.list_visits(case, centre, visit.account)
    changing = next((one for one in told if one.id == change), None)
    open_now = found.state not in ENDED
    searched = any(job.state == DONE for job in routes.list_jobs(case, centre, visit.account))
    about = {"open_now": open_now, "comparable": searched and found.state not in ERASED}
    return shown(request, visit, "timeline.html", case=found, told=told, changing=changing, **about)


@router.get("/cases/{case}/comparison")
def comparison(request: Request, case: Name, centre: At, visit: Visit) -> Response:
    """The told timeline beside the route."""
    require(visit.account, Role.TRACER)
    found = testimony.show_comparison(case, centre, visit.account)
    return shown(request, visit, "comparison.html", found=found, verdicts=Verdict)


@router.post("/cases/{case}/timeline")
def tell(request: Request, case: Name, centre: At, fields: Form, visit: Sender) -> Response:
    """A visit that was told, or other words in the place of an earlier one's."""
    require(visit.account, Role.TRACER)
    zone, where = zone_of(request), _on_the_map(fields.get("where", ""))
    earlier = check_id(fields["visit"], "visit") if fields.get("visit") else ""
    kept = _not_asked(testimony.list_visits(case, centre, visit.account), earlier, where) if earlier else {}
    try:
        asked = TellVisit(
            place=fields.get("place", ""),
            start=_moment(fields, "start", zone),
            end=_moment(fields, "end", zone),
            note=fields.get("note", ""),
            **({"zone": zone.key} | where | kept),
        )
    except ValidationError:
        raise BadInput("a visit needs a place, and not a long text", hint="go back and shorten it") from None
    if earlier:
        testimony.change_visit(case, earlier, asked, centre, visit.account)
    else:
        testimony.add_visit(case, asked, centre, visit.account)
    return to(f"/cases/{case}/timeline")


@router.post("/cases/{case}/timeline/remove")
def remove(case: Name, centre: At, fields: Form, visit: Sender) -> Response:
    require(visit.account, Role.TRACER)
    testimony.remove_visit(case, check_id(fields.get("visit", ""), "visit"), centre, visit.account)
    return to(f"/cases/{case}/timeline")


@router.post("/cases/{case}/words")
def answer(case: Name, centre: At, fields: Form, visit: Sender) -> Response:
    """What the patient says of a sighting, or nothing any more."""
    require(visit.account, Role.TRACER)
    sighting, word = sighting_name(fields.get("sighting", "")), fields.get("word", "")
    if word == "forget":
        routes.forget_word(case, sighting, centre, visit.account)
    elif word in tuple(Word):
        routes.say_word(case, sighting, SayWord(word=Word(word)), centre, visit.account)
    else:
        raise BadRequest("this is no answer", hint="go back and choose yes or no")
    return to(f"/cases/{case}#route")


def _not_asked(told: Sequence[VisitOut], earlier: str, where: dict[str, Any]) -> dict[str, Any]:
    """What the form does not ask for and a change must not lose: the patient's own zone, and beside degrees that stay
    as they were the camera."""
    before = next((one for one in told if one.id == earlier), None)
    if before is None:
        return {}  # the change is refused
    same = before.latitude is not None and where == {"latitude": before.latitude, "longitude": before.longitude}
    return {"zone": before.zone} | ({"camera": before.camera} if same else {})


def _on_the_map(where: str) -> dict[str, Any]:
    """The place of a form: nothing, a camera's name, or degrees north and east with a comma between."""
    if not (told := where.strip()):
        return {}
    north, comma, east = told.partition(",")
    if not comma:
        return {"camera": check_id(told, "camera")}
    try:
        return {"latitude": float(north), "longitude": float(east)}
    except ValueError:
        raise BadInput("the place on the map cannot be read", hint="write it as 37.5036, 126.7660") from None


def _moment(fields: dict[str, str], name: str, zone: ZoneInfo) -> datetime:
    """A local time of a form, in the zone that the form states."""
    try:
        told = datetime.fromisoformat(fields.get(name, ""))
    except ValueError:
        raise BadInput("a time is missing or cannot be read", hint="write it as 2026-11-24T09:30") from None
    return told.replace(tzinfo=zone) if told.tzinfo is None else told
