"""Keep and forget what searches found."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from sqlalchemy import Engine, delete
from sqlalchemy.exc import OperationalError
from sqlmodel import Session, col, select, text, update

from central.errors import NotFound
from central.routes.tables import FoundRoute, RouteJob

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
    """Searches that a stopped process left behind; each may be started again."""
    left = update(RouteJob).where(col(RouteJob.state).in_(ACTIVE)).values(
        state=INTERRUPTED, ended_at=now, error="Interrupted",
        message="the centre was stopped during the search", hint="start the search again",
    )  # fmt: skip
    return int(session.execute(left).rowcount)  # type: ignore[attr-defined]


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
    """Erase a case's route, and how many hits its searches had."""
    session.execute(update(RouteJob).where(col(RouteJob.case) == case).values(candidates=0))
    session.execute(delete(FoundRoute).where(col(FoundRoute.case) == case))


def forget_before(session: Session, moment: datetime) -> int:
    """Retention: forget routes found earlier; returns how many."""
    return int(session.execute(delete(FoundRoute).where(col(FoundRoute.found_at) < moment)).rowcount)  # type: ignore[attr-defined]


def scrub(engine: Engine) -> bool:
    """Push erased rows out of SQLite's write-ahead log, where their old content would otherwise linger.

    Never waits: while a search reads, nothing can be pushed out, and boxes must be able to deliver. False when that was
    so; try again later.
    """
    if engine.dialect.name != "sqlite":
        return True
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        patience = connection.execute(text("PRAGMA busy_timeout")).scalar_one()
        connection.execute(text("PRAGMA busy_timeout = 0"))
        try:
            busy = connection.execute(text("PRAGMA wal_checkpoint(TRUNCATE)")).one()[0]
        except OperationalError:
            busy = 1
        finally:
            connection.execute(text(f"PRAGMA busy_timeout = {int(patience)}"))
    return not busy
