"""The privacy officer's pages: the audit log and who else has it, canaries, retention, reports, a patient's word.

None of them shows a route, a contact or a testimony.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, timedelta
from typing import Annotated, Final

from fastapi import Query, Request, Response
from sqlmodel import Session

from central.accounts.endpoints import At
from central.accounts.service import Role, require
from central.answers import Name
from central.audit.endpoints import check_log, read_log, show_checkpoint, show_proof
from central.canaries.endpoints import list_canaries, try_canaries
from central.cases.endpoints import withdraw
from central.reports.endpoints import transparency_html
from central.retention.due import held
from central.web.recount import Recount
from central.web.rendering import language_of
from central.web.routing import page_router, shown, to
from central.web.visitors import Form, Sender, Visit
from shared.ids import check_id

ENTRIES_A_PAGE: Final = 100
_NEWEST: Final = 2**31 - 1
_AHEAD: Final = timedelta(days=1)
_RELOAD_S: Final = 2

router = page_router()


@router.get("/audit")
def log(
    request: Request, centre: At, visit: Visit, case: Annotated[str, Query(max_length=63)] = "",
    before: Annotated[int, Query(ge=1, le=_NEWEST)] = _NEWEST,
) -> Response:  # fmt: skip
    """The newest entries first, of all or of one case."""
    require(visit.account, Role.PRIVACY_OFFICER)
    of_case = check_id(case.strip(), "case") if case.strip() else None
    rows = read_log(centre, visit.account, of_case, before=before, limit=ENTRIES_A_PAGE + 1)
    more = len(rows) > ENTRIES_A_PAGE
    rows = rows[:ENTRIES_A_PAGE]
    last = rows[-1].id if rows else 0
    return shown(
        request, visit, "audit.html", rows=rows, case=of_case or "", more=more, last=last, newest=before == _NEWEST
    )


@router.get("/audit/proof/{entry}")
def proof(entry: int, centre: At, visit: Visit) -> Response:
    """One entry with its proof, as a file that anybody checks without us."""
    require(visit.account, Role.PRIVACY_OFFICER)
    held_out = json.dumps(show_proof(centre, visit.account, entry), indent=1, default=str)
    name = {"Content-Disposition": f'attachment; filename="entry-{entry}.json"'}
    return Response(held_out, media_type="application/json", headers=name)


@router.get("/log")
def whole(request: Request, centre: At, visit: Visit) -> Response:
    """Who else has the log, and what came of the last recount of every entry."""
    require(visit.account, Role.PRIVACY_OFFICER)
    running, last = _recount_of(request).state()
    point = show_checkpoint(centre, visit.account)
    return shown(
        request, visit, "log.html", point=point, running=running, last=last, reload_s=_RELOAD_S if running else 0
    )


@router.post("/log")
def recount(request: Request, centre: At, visit: Sender) -> Response:
    require(visit.account, Role.PRIVACY_OFFICER)
    _recount_of(request).start(lambda: check_log(centre, visit.account), centre.clock.now())
    return to("/log")


@router.get("/canaries")
def canaries(request: Request, centre: At, visit: Visit) -> Response:
    require(visit.account, Role.PRIVACY_OFFICER)
    return shown(request, visit, "canaries.html", tried=list_canaries(centre, visit.account))


@router.post("/canaries")
def try_all(centre: At, visit: Sender) -> Response:
    """Live days open; days that an authority destroyed must not."""
    require(visit.account, Role.PRIVACY_OFFICER)
    try_canaries(centre, visit.account)
    return to("/canaries")


@router.get("/retention")
def retention(request: Request, centre: At, visit: Visit) -> Response:
    """For how long each class is kept, and what goes by tomorrow."""
    require(visit.account, Role.PRIVACY_OFFICER)
    now, going = centre.clock.now(), Counter[str]()
    with Session(centre.engine) as session:
        for one in held(session, centre.rules, now + _AHEAD):
            going[one.kind.name] += one.count
    return shown(request, visit, "retention.html", rules=centre.rules, going=going)


@router.get("/transparency")
def ask_report(request: Request, centre: At, visit: Visit) -> Response:
    """For which weeks; the last four whole ones are filled in."""
    require(visit.account, Role.PRIVACY_OFFICER)
    today = centre.clock.now().date()
    monday = today - timedelta(days=today.weekday())
    return shown(request, visit, "transparency.html", first=monday - timedelta(weeks=4), end=monday)


@router.get("/transparency/report")
def report(
    request: Request, centre: At, visit: Visit, first: Annotated[date, Query(alias="from")],
    end: Annotated[date, Query(alias="until")],
) -> Response:  # fmt: skip
    """The file to publish: it fetches nothing, and hides small counts."""
    require(visit.account, Role.PRIVACY_OFFICER)
    return transparency_html(centre, visit.account, first, end, language_of(request))


@router.get("/withdrawal")
def ask_withdrawal(
    request: Request, visit: Visit, case: Annotated[str, Query(max_length=63)] = "", done: bool = False
) -> Response:
    """On a patient's word, for a case by its number; asked once more before it is done."""
    require(visit.account, Role.PRIVACY_OFFICER)
    asked = check_id(case.strip(), "case") if case.strip() else ""
    return shown(request, visit, "withdrawal.html", case=asked, done=done)


@router.post("/withdrawal")
def give_withdrawal(centre: At, fields: Form, visit: Sender) -> Response:
    require(visit.account, Role.PRIVACY_OFFICER)
    case: Name = check_id(fields.get("case", ""), "case")
    withdraw(case, centre, visit.account)
    return to(f"/withdrawal?case={case}&done=yes")


def _recount_of(request: Request) -> Recount:
    found: Recount = request.app.state.recount
    return found
