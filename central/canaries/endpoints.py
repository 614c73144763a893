"""Canaries over HTTP for the privacy officer, and the authorities' statements for everybody."""

from __future__ import annotations

import base64
import contextlib
from datetime import date, datetime

from fastapi import APIRouter
from pydantic import BaseModel
from sqlmodel import Session

from central.accounts.endpoints import SIGNED_IN, At, Officer
from central.answers import refusals
from central.authority.statements import statement_to_map
from central.canaries import service
from central.canaries.tables import Canary, CanaryTrial
from shared.errors import TransportDown

router = APIRouter(tags=["canaries"])


class Tried(BaseModel):
    """One day's canary. `opened` and `tried_at` are null until it was tried; `alarm` says what is not as it must be.

    `destroyed_by` are the authorities that no longer have the day's secret, `away` those that could not be asked.
    """

    day: date
    sealed_at: datetime
    tried_at: datetime | None = None
    opened: bool | None = None
    destroyed_by: list[str] = []
    alarm: str = ""
    away: str = ""


class Statements(BaseModel):
    """Signed statements of destroyed days, and the authorities' raw Ed25519 keys, base64, as this centre saw them."""

    keys: dict[str, str]
    statements: list[dict[str, str]]


@router.get("/canaries", summary="List canaries and what came of trying them", responses=refusals(*SIGNED_IN))
def list_canaries(centre: At, _account: Officer) -> list[Tried]:
    with Session(centre.engine) as session:
        return [_out(canary, trial) for canary, trial in service.last_trials(session)]


@router.post("/canaries/trials", summary="Try to open every canary", responses=refusals(*SIGNED_IN))
def try_canaries(centre: At, account: Officer) -> list[Tried]:
    """Days that are live open; days that an authority destroyed must not, whatever is tried. Every trial is logged."""
    now, authorities = centre.clock.now(), centre.parts.authorities
    with contextlib.suppress(TransportDown):  # what was kept before is what a trial compares with
        service.keep_statements(centre.engine, authorities, now)
    service.try_all(centre.engine, authorities, account.name, now)
    with Session(centre.engine) as session:
        return [_out(canary, trial) for canary, trial in service.last_trials(session)]


@router.get("/statements", summary="Signed statements of destroyed days, for everybody")
def list_statements(centre: At) -> Statements:
    with Session(centre.engine) as session:
        keys = {name: base64.b64encode(key).decode() for name, key in service.keys(session).items()}
        return Statements(keys=keys, statements=[statement_to_map(one) for one in service.statements(session)])


def _out(canary: Canary, trial: CanaryTrial | None) -> Tried:
    if trial is None:
        return Tried(day=canary.day, sealed_at=canary.sealed_at)
    return Tried(
        day=canary.day, sealed_at=canary.sealed_at, tried_at=trial.at, opened=trial.opened,
        destroyed_by=trial.destroyed_by.split(), alarm=trial.alarm, away=trial.away,
    )  # fmt: skip
