"""The audit log over HTTP, for the privacy officer."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel
from sqlmodel import Session

from central.accounts.endpoints import SIGNED_IN, At, Officer
from central.answers import Name, refusals
from central.audit.service import entries, first_broken

router = APIRouter(prefix="/audit", tags=["audit"])


class Entry(BaseModel):
    id: int
    at: datetime
    account: str
    action: str
    case: str
    detail: str


class Verdict(BaseModel):
    """`first_broken` is the id of the first entry that was edited or follows a missing one; null when none was."""

    whole: bool
    first_broken: int | None


@router.get("", summary="Read the audit log", responses=refusals(*SIGNED_IN))
def read_log(
    centre: At,
    _account: Officer,
    case: Name | None = None,
    after: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[Entry]:
    """Who did, read or was refused what, oldest first. No patient is named in it."""
    with Session(centre.engine) as session:
        rows = entries(session, case, after, limit)
        return [Entry(**{name: getattr(row, name) for name in Entry.model_fields}) for row in rows]


@router.get("/check", summary="Check that nobody edited the audit log", responses=refusals(*SIGNED_IN))
def check_log(centre: At, _account: Officer) -> Verdict:
    with Session(centre.engine) as session:
        broken = first_broken(session)
    return Verdict(whole=broken is None, first_broken=broken)
