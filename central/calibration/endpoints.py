"""The calibration in use, over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from central.accounts.endpoints import At, signed_in
from central.accounts.tables import Account
from central.answers import refusals
from central.calibration.described import described
from central.errors import NotSignedIn, TooManyAttempts

router = APIRouter(prefix="/calibration", tags=["calibration"])


@router.get("", summary="Show the calibration in use", responses=refusals(NotSignedIn, TooManyAttempts))
def show_calibration(centre: At, _account: Annotated[Account, Depends(signed_in)]) -> dict[str, Any]:
    """For everybody who works here: what a distance is read by, measured when, on whom, with which models."""
    return described(centre.jobs.calibration)
