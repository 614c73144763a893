"""What travels about searches, routes and contacts over HTTP."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from central.answers import Refusal
from central.routes.store import FAILED, INTERRUPTED, STOPPED, WAITING
from central.routes.tables import RouteJob
from central.search.job import Progress


class JobOut(BaseModel):
    """A search: `done` of `batches` are searched, `failed` of them could not be.

    `error` says why there is no route, or what a waiting search waits for. `not_covered` are days of the window that no
    search can reach, and which authorities hold no secret for each; `lacking` are protections that the search worker's
    machine would not give it.
    """

    job: str
    case: str
    state: str = Field(examples=["waiting", "running", "done", "failed", "stopped", "interrupted"])
    asked_by: str
    asked_at: datetime
    ended_at: datetime | None
    batches: int
    done: int
    failed: int
    candidates: int
    seconds: dict[str, float]
    not_covered: dict[str, list[str]] = Field(examples=[{"2026-11-10": ["authority-b"]}])
    lacking: list[str]
    error: Refusal | None


class RouteOut(BaseModel):
    """The route as the way that was found: visits with their confidence, stays, legs, and gaps shown as gaps."""

    case: str
    purpose: str = Field(description="the one legal basis, by its name")
    job: str
    found_at: datetime
    route: dict[str, Any]


class ContactsOut(BaseModel):
    """People possibly exposed, by one preset. They stay pseudonymous: place, time, minutes, distance, masks."""

    case: str
    purpose: str = Field(description="the one legal basis, by its name")
    preset: str
    found_at: datetime
    contacts: list[dict[str, Any]]


def job_out(row: RouteJob, progress: Progress | None) -> JobOut:
    """The row, and how far it is by now when it runs in this process."""
    says_why = row.state in (FAILED, STOPPED, INTERRUPTED, WAITING) and row.error != ""
    return JobOut(
        job=row.id,
        case=row.case,
        state=row.state,
        asked_by=row.asked_by,
        asked_at=row.asked_at,
        ended_at=row.ended_at,
        batches=row.batches,
        done=progress.done if progress else row.done,
        failed=progress.failed if progress else row.failed,
        candidates=row.candidates,
        seconds=json.loads(row.seconds),
        not_covered=json.loads(row.not_covered),
        lacking=row.lacking.split(", ") if row.lacking else [],
        error=Refusal(error=row.error, message=row.message, hint=row.hint) if says_why else None,
    )
