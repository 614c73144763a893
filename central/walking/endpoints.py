"""The walking network in use, over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from sqlmodel import Session

from central.accounts.endpoints import At, signed_in
from central.accounts.tables import Account
from central.answers import refusals
from central.errors import NotFound, NotSignedIn, TooManyAttempts
from central.routes.service import places_of
from central.walking.service import described

router = APIRouter(prefix="/walking", tags=["walking"])


@router.get("", summary="Show the walking network in use", responses=refusals(NotSignedIn, TooManyAttempts, NotFound))
def show_walking(centre: At, _account: Annotated[Account, Depends(signed_in)]) -> dict[str, Any]:
    """For everybody who works here: which map, how new, and which cameras have no ways on foot by it and why."""
    ways = centre.jobs.ways
    if ways is None:
        raise NotFound("this centre has no walking network", hint="make one with: cairn-central walking build")
    with Session(centre.engine) as session:
        return described(ways, places_of(session))
