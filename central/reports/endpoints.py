"""Reports over HTTP: one for the public, made by the privacy officer, and one for the patient whose case it is."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from central.accounts.endpoints import SIGNED_IN, At, Officer, TracerOrOfficer
from central.accounts.service import Role, has_role
from central.accounts.tables import Account
from central.answers import Name, refusals
from central.audit.service import record
from central.cases.access import own_case
from central.centre import Centre
from central.database import writing
from central.errors import NotFound
from central.reports.map_words import Language
from central.reports.subject import SubjectReport, subject_report
from central.reports.subject_words import subject_page
from central.reports.transparency import Period, Transparency, transparency
from central.reports.transparency_words import transparency_page
from shared.errors import BadInput

router = APIRouter(tags=["reports"])
From = Annotated[date, Query(alias="from", description="the first day, in UTC")]
Until = Annotated[date, Query(alias="until", description="the day after the last")]


@router.get("/reports/transparency", summary="Count what was done", responses=refusals(*SIGNED_IN, BadInput))
def show_transparency(centre: At, account: Officer, first: From, end: Until) -> dict[str, Any]:
    """For the public: no patient, no member of staff, no small count. Whole weeks to a year, once they are over."""
    return _counted(centre, account, first, end).to_map()


@router.get(
    "/reports/transparency.html",
    summary="The same as a page to publish",
    responses=refusals(*SIGNED_IN, BadInput),
    response_class=Response,
)
def transparency_html(centre: At, account: Officer, first: From, end: Until, language: Language = "en") -> Response:
    """One file that fetches nothing."""
    return _html(transparency_page(_counted(centre, account, first, end), language, centre.zone))


@router.get("/cases/{case}/report", summary="What was done under a case", responses=refusals(*SIGNED_IN, NotFound))
def show_subject(case: Name, centre: At, account: TracerOrOfficer) -> dict[str, Any]:
    """For the patient; asked for by the case's tracer or the privacy officer, also after a withdrawal."""
    return _told(centre, account, case).to_map()


@router.get(
    "/cases/{case}/report.html",
    summary="The same as a page to print",
    responses=refusals(*SIGNED_IN, NotFound),
    response_class=Response,
)
def subject_html(case: Name, centre: At, account: TracerOrOfficer, language: Language = "en") -> Response:
    """One file that fetches nothing."""
    return _html(subject_page(_told(centre, account, case), language, centre.zone, centre.terms.bases))


def _counted(centre: Centre, account: Account, first: date, end: date) -> Transparency:
    period, now = Period(first, end), centre.clock.now()
    with writing(centre.engine) as session:
        report = transparency(session, period, now)
        record(session, now, account.name, "transparency report", detail=f"{first.isoformat()} {end.isoformat()}")
        return report


def _told(centre: Centre, account: Account, case: str) -> SubjectReport:
    """The report says of itself that it was read: what is counted includes this reading."""
    now = centre.clock.now()
    with writing(centre.engine) as session:
        if not has_role(account, Role.PRIVACY_OFFICER):
            own_case(session, account, case, now)
        subject_report(session, case, now, centre.rules)  # for a case that there never was, nothing is noted as read
        record(session, now, account.name, "read subject report", case)
        return subject_report(session, case, now, centre.rules)


def _html(page: str) -> Response:
    headers = {"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"}
    return Response(page, media_type="text/html; charset=utf-8", headers=headers)
