"""Keep and forget what searches found."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import delete
from sqlmodel import Session, col, select, update

from central.errors import NotFound
from central.routes.tables import FoundRoute, RouteJob, SightingWord

WAITING, RUNNING, DONE, FAILED, STOPPED, INTERRUPTED = (
    "waiting", "running", "done", "failed", "stopped", "interrupted",
)  # fmt: skip
ACTIVE = (WAITING, RUNNING)


def job_of(session: Session, case: str, job: str) -> RouteJob:
    """Raises NotFound for another case's job as well."""
    row = session.get(RouteJob, job)
    if row is None or row.case != case:
        raise NotFound("there is no such search", hint="start one with: cairn-central case search")
    return row


def jobs_of(session: Session, case: str) -> list[RouteJob]:
    """Newest first."""
    return list(session.exec(select(RouteJob).where(RouteJob.case == case).order_by(col(RouteJob.asked_at).desc())))


def mark_interrupted(session: Session, now: datetime) -> int:
    """Searches that a stopped process left in the middle; each may be started again."""
    left = update(RouteJob).where(col(RouteJob.state) == RUNNING).values(
        state=INTERRUPTED, ended_at=now, error="Interrupted",
        message="the centre was stopped during the search", hint="start the search again",
    )  # fmt: skip
    return int(session.execute(left).rowcount)  # type: ignore[attr-defined]


def waiting(session: Session) -> list[tuple[str, str]]:
    """Searches that had not begun, or waited for an office, when the centre was stopped: (job, case), oldest first."""
    query = select(RouteJob.id, RouteJob.case).where(RouteJob.state == WAITING).order_by(col(RouteJob.asked_at))
    return list(session.exec(query))


def keep_route(session: Session, case: str, job: str, route: dict[str, Any], now: datetime) -> None:
    """Replaces the case's earlier route."""
    session.merge(FoundRoute(case=case, job=job, found_at=now, route=json.dumps(route)))


def route_of(session: Session, case: str) -> FoundRoute:
    """Raises NotFound before the first search has ended."""
    row = session.get(FoundRoute, case)
    if row is None:
        raise NotFound("no route has been found for this case yet", hint="start: cairn-central case search")
    return row


def forget_route(session: Session, case: str) -> None:
    """Erase a case's route, what was said of its sightings, and how many hits its searches had."""
    session.execute(delete(SightingWord).where(col(SightingWord.case) == case))
    session.execute(update(RouteJob).where(col(RouteJob.case) == case).values(candidates=0, narrowed="{}"))
    session.execute(delete(FoundRoute).where(col(FoundRoute.case) == case))
