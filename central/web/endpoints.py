"""The tracer's pages. Reads go through the API's own functions, so rights and audit are the same."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, FastAPI, Query, Request, Response

from central.accounts.endpoints import At, let_in
from central.accounts.service import Role, has_role, require
from central.answers import Name
from central.cases.endpoints import list_cases, show_case
from central.cases.service import ENDED, ERASED, State
from central.centre import Centre
from central.errors import CaseEnded, NotFound, NotSignedIn
from central.routes.endpoints import list_jobs, show_contacts, show_job, show_map, show_route, start_job
from central.routes.reconstruct import route_from_map
from central.routes.store import ACTIVE
from central.web import case_pages, export_pages, officer, people_pages, places_pages, signing, statistics_pages
from central.web.contact_views import people_of
from central.web.recount import Recount
from central.web.rendering import asset, is_secure, language_of, page
from central.web.routing import ROOT, home_of, page_router, shown, to
from central.web.sessions import LONGEST, Sessions
from central.web.views import masks_of, rows_of
from central.web.visitors import COOKIE, Form, Sender, Visit, Visitor, sessions_of

CASES_A_PAGE: Final = 50
_RELOAD_S: Final = 2

router = page_router()


def keep_visits(app: FastAPI) -> None:
    """Give the application what its pages remember: who is signed in, and the latest recount of the audit log."""
    app.state.web_sessions, app.state.recount = Sessions(), Recount()


def add_pages(table: APIRouter) -> None:
    """Add the pages, and lead from / to them."""
    for pages in (router, signing.router, case_pages.router, export_pages.router, officer.router, people_pages.router):
        table.include_router(pages)
    table.include_router(statistics_pages.router)
    table.include_router(places_pages.router)

    @table.get("/", include_in_schema=False)
    def front() -> Response:
        return to("")


@router.get("/style.css")
def style() -> Response:
    return asset("style.css")


@router.get("/passkey.js")
def script() -> Response:
    """The pages' only script; every other page works without."""
    return asset("passkey.js")


@router.get("")
def home(visit: Visit) -> Response:
    return to(home_of(visit.account))


@router.get("/sign-in")
def ask_token(request: Request) -> Response:
    return page(request, "sign_in.html", wrong=False)


@router.post("/sign-in")
def sign_in(request: Request, centre: At, fields: Form) -> Response:
    """Takes the token once, and gives back a name for it that is worth nothing elsewhere."""
    try:
        account = let_in(request, centre, fields.get("token", "").strip())
    except NotSignedIn:
        return page(request, "sign_in.html", 401, wrong=True)
    cookie = sessions_of(request).begin(account, centre.clock.now())
    if old := request.cookies.get(COOKIE):
        sessions_of(request).end(old)
    centre.note(account.name, "signed in", "", "pages")
    answer = to(home_of(account))
    answer.set_cookie(
        COOKIE, cookie, max_age=int(LONGEST.total_seconds()), path=ROOT,
        httponly=True, samesite="strict", secure=is_secure(request),
    )  # fmt: skip
    return answer


@router.post("/sign-out")
def sign_out(request: Request, _visit: Sender) -> Response:
    sessions_of(request).end(request.cookies.get(COOKIE, ""))
    answer = to("/sign-in")
    answer.delete_cookie(COOKIE, path=ROOT)
    return answer


@router.get("/cases")
def cases(request: Request, centre: At, visit: Visit, skip: Annotated[int, Query(ge=0)] = 0) -> Response:
    require(visit.account, Role.TRACER, Role.APPROVER)
    lines = list_cases(centre, visit.account, skip, CASES_A_PAGE + 1)
    more = len(lines) > CASES_A_PAGE
    return shown(request, visit, "cases.html", cases=lines[:CASES_A_PAGE], skip=skip, step=CASES_A_PAGE, more=more)


@router.get("/cases/{case}")
def show(request: Request, case: Name, centre: At, visit: Visit) -> Response:
    """Everything about one case; what was found only for the tracer whose case it is."""
    require(visit.account, Role.TRACER, Role.APPROVER)
    case_shown = show_case(case, centre, visit.account)
    own = case_shown.yours and has_role(visit.account, Role.TRACER)
    jobs = list_jobs(case, centre, visit.account) if own else []
    may_approve = case_shown.state == State.OPEN and not case_shown.yours and case_shown.template is not None
    found = _found(case, centre, visit) if own and case_shown.state not in ERASED else None
    basis, language = centre.terms.bases.get(case_shown.purpose), language_of(request)
    return shown(
        request, visit, "case.html", case=case_shown, own=own, job=jobs[0] if jobs else None, active=ACTIVE,
        found=found, may_approve=may_approve and has_role(visit.account, Role.APPROVER),
        basis=basis.texts.get(language, "") if basis else "", ended=case_shown.state in ENDED,
    )  # fmt: skip


@router.get("/cases/{case}/map.svg")
def picture(request: Request, case: Name, centre: At, visit: Visit) -> Response:
    require(visit.account, Role.TRACER)
    return show_map(case, centre, visit.account, language_of(request))


@router.post("/cases/{case}/search")
def search(case: Name, centre: At, visit: Sender) -> Response:
    require(visit.account, Role.TRACER)
    job = start_job(case, centre, visit.account)
    return to(f"/cases/{case}/search/{job.job}")


@router.get("/cases/{case}/search/{job}")
def progress(request: Request, case: Name, job: Name, centre: At, visit: Visit) -> Response:
    """How far a search is; reloads itself, and leads to the case at the end."""
    require(visit.account, Role.TRACER)
    found = show_job(case, job, centre, visit.account)
    if found.state == "done":
        return to(f"/cases/{case}")
    reload_s = _RELOAD_S if found.state in ACTIVE else 0
    return shown(request, visit, "search.html", case=case, job=found, active=ACTIVE, reload_s=reload_s)


def _found(case: str, centre: Centre, visit: Visitor) -> dict[str, Any] | None:
    """Route and contacts; None before the first search has found any."""
    try:
        answer = show_route(case, centre, visit.account)
    except (NotFound, CaseEnded):
        return None
    route, judged = route_from_map(answer.route), {}
    for name in centre.presets:
        by_rule = show_contacts(case, centre, visit.account, name)
        judged[name] = [*by_rule.contacts, *by_rule.near]
    return {
        "answer": answer,
        "said": {one.sighting: one for one in answer.words},
        "at": answer.found_at,
        "route": route,
        "rows": list(rows_of(route)),
        "masks": masks_of(route),
        "presets": centre.presets,
        "people": people_of(judged),
    }
