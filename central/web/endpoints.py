"""The tracer's pages. Reads go through the API's own functions, so rights and audit are the same."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from central.accounts.endpoints import At, let_in
from central.accounts.service import Role, has_role, require
from central.answers import Name
from central.cases.endpoints import list_cases, show_case
from central.cases.service import State
from central.centre import Centre
from central.contacts.presets import preset_names
from central.errors import BadRequest, CaseEnded, NotFound, NotSignedIn, status_of
from central.routes.endpoints import list_jobs, show_contacts, show_job, show_map, show_route, start_job
from central.routes.reconstruct import route_from_map
from central.routes.store import ACTIVE
from central.web.rendering import HEADERS, is_secure, language_of, page, style_sheet
from central.web.sessions import LONGEST, Sessions
from central.web.views import masks_of, people_of, rows_of
from central.web.visitors import COOKIE, Form, Sender, Visit, Visitor, sessions_of
from shared.errors import CairnError

ROOT: Final = "/pages"
CASES_A_PAGE: Final = 50
_RELOAD_S: Final = 2


class PageRoute(APIRoute):
    """Answers refusals with a page, or with the way to sign in, and gives every answer the pages' headers."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        plain = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                answer = await plain(request)
            except RequestValidationError:
                answer = _problem(request, BadRequest("there is no such page", hint="go back to the cases"))
            except CairnError as error:
                # The API's handler notes the refusal in the audit log; its answer for programs is not shown.
                await request.app.exception_handlers[CairnError](request, error)
                signed_out = isinstance(error, NotSignedIn)
                answer = _to("/sign-in") if signed_out else _problem(request, error)
            answer.headers.update(HEADERS)
            return answer

        return handle


router = APIRouter(prefix=ROOT, route_class=PageRoute, include_in_schema=False)


def add_pages(app: FastAPI) -> None:
    """Serve the pages, and lead from / to them."""
    app.state.web_sessions = Sessions()
    app.include_router(router)

    @app.get("/", include_in_schema=False)
    def front() -> Response:
        return _to("/cases")


@router.get("/style.css")
def style() -> Response:
    return style_sheet()


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
    answer = _to("/cases")
    answer.set_cookie(
        COOKIE, cookie, max_age=int(LONGEST.total_seconds()), path=ROOT,
        httponly=True, samesite="strict", secure=is_secure(request),
    )  # fmt: skip
    return answer


@router.post("/sign-out")
def sign_out(request: Request, _visit: Sender) -> Response:
    sessions_of(request).end(request.cookies.get(COOKIE, ""))
    answer = _to("/sign-in")
    answer.delete_cookie(COOKIE, path=ROOT)
    return answer


@router.get("/cases")
def cases(request: Request, centre: At, visit: Visit, skip: Annotated[int, Query(ge=0)] = 0) -> Response:
    require(visit.account, Role.TRACER, Role.APPROVER)
    lines = list_cases(centre, visit.account, skip, CASES_A_PAGE + 1)
    more = len(lines) > CASES_A_PAGE
    return _page(request, visit, "cases.html", cases=lines[:CASES_A_PAGE], skip=skip, step=CASES_A_PAGE, more=more)


@router.get("/cases/{case}")
def show(request: Request, case: Name, centre: At, visit: Visit) -> Response:
    """Everything about one case; what was found only for the tracer whose case it is."""
    require(visit.account, Role.TRACER, Role.APPROVER)
    shown = show_case(case, centre, visit.account)
    own = shown.opened_by == visit.account.name and has_role(visit.account, Role.TRACER)
    jobs = list_jobs(case, centre, visit.account) if own else []
    found = _found(case, centre, visit) if own and shown.state != State.WITHDRAWN else None
    return _page(
        request, visit, "case.html", case=shown, own=own, job=jobs[0] if jobs else None, active=ACTIVE, found=found
    )


@router.get("/cases/{case}/map.svg")
def picture(request: Request, case: Name, centre: At, visit: Visit) -> Response:
    require(visit.account, Role.TRACER)
    return show_map(case, centre, visit.account, language_of(request))


@router.post("/cases/{case}/search")
def search(case: Name, centre: At, visit: Sender) -> Response:
    require(visit.account, Role.TRACER)
    job = start_job(case, centre, visit.account)
    return _to(f"/cases/{case}/search/{job.job}")


@router.get("/cases/{case}/search/{job}")
def progress(request: Request, case: Name, job: Name, centre: At, visit: Visit) -> Response:
    """How far a search is; reloads itself, and leads to the case at the end."""
    require(visit.account, Role.TRACER)
    shown = show_job(case, job, centre, visit.account)
    if shown.state == "done":
        return _to(f"/cases/{case}")
    reload_s = _RELOAD_S if shown.state in ACTIVE else 0
    return _page(request, visit, "search.html", case=case, job=shown, active=ACTIVE, reload_s=reload_s)


def _found(case: str, centre: Centre, visit: Visitor) -> dict[str, Any] | None:
    """Route and contacts; None before the first search has found any."""
    try:
        answer = show_route(case, centre, visit.account)
    except (NotFound, CaseEnded):
        return None
    route, presets = route_from_map(answer.route), preset_names()
    contacts = {name: show_contacts(case, centre, visit.account, name).contacts for name in presets}
    return {
        "at": answer.found_at,
        "route": route,
        "rows": list(rows_of(route)),
        "masks": masks_of(route),
        "presets": presets,
        "people": people_of(contacts),
    }


def _page(request: Request, visit: Visitor, template: str, **values: Any) -> Response:
    return page(request, template, account=visit.account.name, form_key=visit.form_key, **values)


def _problem(request: Request, error: CairnError) -> Response:
    return page(request, "problem.html", status_of(error), message=error.message, hint=error.hint)


def _to(path: str) -> RedirectResponse:
    return RedirectResponse(ROOT + path, 303)
