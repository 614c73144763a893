"""Mask statistics over HTTP, for tracers, and for the privacy officer who publishes them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from central.accounts.endpoints import SIGNED_IN, At, TracerOrOfficer
from central.accounts.tables import Account
from central.answers import refusals
from central.centre import Centre
from central.statistics.masks import By, MaskStatistics
from central.statistics.service import count_masks, hours_between
from shared.errors import BadInput

router = APIRouter(tags=["statistics"])


@router.get("/masks", summary="Masks by place or hour", responses=refusals(*SIGNED_IN, BadInput))
def show_masks(
    centre: At, account: TracerOrOfficer, by: By = By.HOUR,
    start: Annotated[AwareDatetime | None, Query(alias="from")] = None,
    end: Annotated[AwareDatetime | None, Query(alias="until")] = None,
) -> dict[str, Any]:  # fmt: skip
    """From the counts in batches' headers, over whole hours that have ended; no batch is opened.

    Each count is a lower and an upper bound: counts of 1 to 9 of one place and hour are hidden, all of them where fewer
    than ten people passed. No answers about the same batches give them back; of one that comes late, a difference may.
    """
    return counted(centre, account, by, start, end).to_map()


def counted(centre: Centre, account: Account, by: By, start: datetime | None, end: datetime | None) -> MaskStatistics:
    """The same for the pages. It is noted who looked, and at which hours."""
    hours = hours_between(start, end, centre.clock.now())
    found = count_masks(centre.parts.store, by, hours, centre.zone)
    span = f"{found.start.isoformat(timespec='minutes')} {found.end.isoformat(timespec='minutes')}"
    centre.note(account.name, "read mask statistics", "", f"{by.value} {span}")
    return found
