"""The administrator's page: who has an account, until when, and with what they sign. Nothing of any case."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import Query, Request, Response

from central.accounts.endpoints import At, list_accounts
from central.accounts.service import Role, require
from central.web.routing import page_router, shown
from central.web.visitors import Visit

ACCOUNTS_A_PAGE: Final = 100

router = page_router()


@router.get("/accounts")
def people(request: Request, centre: At, visit: Visit, skip: Annotated[int, Query(ge=0, le=2**31)] = 0) -> Response:
    require(visit.account, Role.ADMINISTRATOR)
    rows = list_accounts(centre, visit.account, skip, ACCOUNTS_A_PAGE + 1)
    more = len(rows) > ACCOUNTS_A_PAGE
    now = centre.clock.now()
    return shown(
        request,
        visit,
        "accounts.html",
        rows=rows[:ACCOUNTS_A_PAGE],
        skip=skip,
        step=ACCOUNTS_A_PAGE,
        more=more,
        now=now,
    )
