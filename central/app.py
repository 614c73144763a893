"""The centre's API: cases, searches, routes, contacts, boxes, accounts, audit. Nothing here takes a picture."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from zoneinfo import ZoneInfo

from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import BaseModel
from sqlmodel import Session, text
from starlette.concurrency import run_in_threadpool

from central.accounts.attempts import Attempts
from central.accounts.endpoints import At
from central.accounts.endpoints import router as accounts
from central.answers import explain, speak_plainly
from central.audit.endpoints import router as audit
from central.audit.settings import open_publisher
from central.calibration.endpoints import router as calibration_in_use
from central.canaries.endpoints import router as canaries
from central.cases.endpoints import router as cases
from central.centre import Centre, Upkeep
from central.consents.endpoints import router as consents
from central.consents.terms import Terms
from central.contacts.presets import load_presets
from central.database import open_database
from central.errors import NotFound, NotSignedIn
from central.exports.endpoints import router as exports
from central.nodes.endpoints import router as nodes
from central.parts import make_parts
from central.places.endpoints import router as places
from central.reports.endpoints import router as reports
from central.retention.rules import load_rules
from central.routes.endpoints import router as routes
from central.routes.jobs import Making, RouteJobs
from central.routes.likelihood import calibration_of
from central.settings import CentreSettings
from central.sites import Site
from central.statistics.endpoints import router as statistics
from central.testimony.endpoints import router as testimony
from central.walking.endpoints import router as walking
from central.walking.service import ways_of
from central.web.endpoints import add_pages, keep_visits
from shared.clock import SystemClock
from shared.errors import CairnError, Refused

log = logging.getLogger(__name__)

ABOUT = """Rebuild the route of one confirmed, consenting patient from sealed sightings.

A case needs the patient's consent and the signatures of two people, made with their own keys on their own machines;
authorities check them again before they release any key. There is no endpoint that takes an image.
"""


class HealthOut(BaseModel):
    """`log` tells whether the audit log fits what was signed of it: `ok`, `rolled back`, or `not published`."""

    status: str
    log: str


def make_centre(settings: CentreSettings) -> Centre:
    """Open the database and get ready to ask the offices. Raises BadInput kinds for settings that cannot work."""
    engine, clock = open_database(settings.database.get_secret_value()), SystemClock()
    rules, presets, parts = load_rules(settings.retention), load_presets(settings.presets), make_parts(settings, engine)
    calibration = calibration_of(settings)
    making = Making(settings.questions, ways_of(settings, engine))
    jobs = RouteJobs(engine, clock, parts, calibration, settings.searches_at_once, making=making)
    site = Site(settings.origin) if settings.origin else None
    publisher = open_publisher(engine, clock, settings)
    terms = Terms.load(settings.notice, settings.legal_bases)
    terms.must_hold(rules)
    zone = ZoneInfo(settings.zone)
    return Centre(engine, clock, parts, jobs, rules, terms, presets, site=site, zone=zone, publisher=publisher)


def create_app(settings: CentreSettings, centre: Centre | None = None) -> FastAPI:
    """The application; pass a `centre` to serve one that is open already."""
    served = centre or make_centre(settings)
    upkeep = Upkeep(served)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        upkeep.start()
        yield
        upkeep.stop()
        served.jobs.close()

    app = FastAPI(
        title="Cairn",
        version="0.1.0",
        description=ABOUT,
        routes=_table().routes,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.state.centre = served
    app.state.upkeep = upkeep
    app.state.attempts = Attempts()
    keep_visits(app)
    speak_plainly(app)
    app.add_exception_handler(CairnError, _explain_and_note)
    app.middleware("http")(_keep_private)
    return app


@cache
def _table() -> APIRouter:
    """Every endpoint, made ready once a process: reading their signatures is most of what an application costs.

    No endpoint knows its application but by the request, so any number of centres can be served over one table.
    """
    table = APIRouter()
    for router in (cases, consents, testimony, routes, nodes, accounts, audit, reports, canaries, calibration_in_use):
        table.include_router(router)
    for router in (walking, exports, statistics, places):
        table.include_router(router)
    add_pages(table)
    table.add_api_route("/health", health, tags=["health"], summary="Whether the centre works")
    return table


def health(here: At) -> HealthOut:
    """Asks the database too: a centre that cannot read it does not work."""
    with Session(here.engine) as session:
        session.execute(text("SELECT 1"))
    log = "not published" if here.publisher is None else "rolled back" if here.publisher.alarms() else "ok"
    return HealthOut(status="ok", log=log)


async def _explain_and_note(request: Request, error: Exception) -> Response:
    await run_in_threadpool(_note_refusal, request, error)
    return await explain(request, error)


def _note_refusal(request: Request, error: Exception) -> None:
    # Whoever shows no valid token is only logged: strangers must not be able to fill the audit log.
    account = getattr(request.state, "account", "")
    if not account or isinstance(error, NotSignedIn) or not isinstance(error, Refused | NotFound):
        log.info("%s %s: %s", request.method, request.url.path, type(error).__name__)
        return
    centre: Centre = request.app.state.centre
    detail = f"{request.method} {type(error).__name__}: {error.message}"
    centre.note(account, "refused", str(request.path_params.get("case", ""))[:63], detail)


async def _keep_private(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    answer = await call_next(request)
    answer.headers["Cache-Control"] = "no-store"
    answer.headers["X-Content-Type-Options"] = "nosniff"
    return answer
