"""Masks by place and hour on a page: a table that reads as a chart."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import Query, Request, Response

from central.accounts.endpoints import At
from central.accounts.service import Role, require
from central.statistics.endpoints import counted
from central.statistics.masks import SMALL, By
from central.web.routing import page_router, shown
from central.web.visitors import Visit

router = page_router()


@router.get("/masks")
def masks(
    request: Request, centre: At, visit: Visit, by: By = By.HOUR, days: Annotated[int, Query(ge=1, le=14)] = 7
) -> Response:
    """The last days, by hour of the day or by place."""
    require(visit.account, Role.TRACER, Role.PRIVACY_OFFICER)
    now = centre.clock.now()
    found = counted(centre, visit.account, by, now - timedelta(days=days), now)
    return shown(request, visit, "masks.html", found=found, by=by.value, days=days, small=SMALL)
