"""Files of a case on the pages: what leaves the centre, for whom, and that it is noted."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request, Response

from central.accounts.endpoints import At
from central.accounts.service import Role, require
from central.answers import Name
from central.cases.endpoints import show_case
from central.contacts.presets import USUAL
from central.exports.endpoints import attachment, exported
from central.exports.formats import Format
from central.exports.sormas import Dates
from central.web.routing import page_router, shown
from central.web.visitors import Visit

router = page_router()


@router.get("/cases/{case}/export")
def ask_export(request: Request, case: Name, centre: At, visit: Visit) -> Response:
    """The choice; nothing leaves before the form is sent."""
    require(visit.account, Role.TRACER)
    found = show_case(case, centre, visit.account)
    return shown(
        request, visit, "export.html", case=found, formats=list(Format), presets=list(centre.presets), usual=USUAL,
        dates=list(Dates),
    )  # fmt: skip


@router.get("/cases/{case}/export/file")
def export_file(
    case: Name, centre: At, visit: Visit, kind: Annotated[Format, Query(alias="format")],
    preset: Annotated[str, Query(max_length=40)], dates: Dates = Dates.MONTH_FIRST,
) -> Response:  # fmt: skip
    """The file itself, by the API's own function, so that rights and audit are the same."""
    require(visit.account, Role.TRACER)
    return attachment(exported(centre, visit.account, case, kind, preset, dates))
