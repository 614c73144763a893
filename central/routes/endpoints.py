"""Searches, routes and contacts over HTTP. Every read is in the audit log before the answer leaves."""

from __future__ import annotations

import json
from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlmodel import Session

from central.accounts.endpoints import SIGNED_IN, At, Tracer
from central.accounts.tables import Account
from central.answers import Name, refusals
from central.audit.service import record
from central.cases.access import own_case
from central.cases.service import must_not_be_ended, searchable
from central.cases.tables import Case
from central.centre import Centre
from central.contacts.presets import USUAL, UnknownPreset, preset_of, preset_to_map
from central.database import writing
from central.errors import CaseEnded, LogRolledBack, NotFound, WrongState
from central.reports.map_words import Language
from central.routes import store
from central.routes.schemas import (
    ContactsOut,
    JobOut,
    QuestionOut,
    RouteOut,
    SayWord,
    WordOut,
    job_out,
    route_out,
    word_out,
)
from central.routes.service import camera_graph, contact_maps, svg_of
from central.routes.tables import FoundRoute, SightingWord
from central.routes.words import SightingName, mark, say, take_back, words_of
from shared.errors import ReleaseRefused

router = APIRouter(prefix="/cases/{case}", tags=["routes"])
_READ = (*SIGNED_IN, NotFound, CaseEnded)


@router.post(
    "/route-jobs",
    status_code=202,
    summary="Search for the route of an approved case",
    responses=refusals(*_READ, WrongState, ReleaseRefused, LogRolledBack),
)
def start_job(case: Name, centre: At, account: Tracer) -> JobOut:
    """Begins at once and answers at once; ask for the job to see how far it is.

    While an authority or the probe service is away the search waits, its `error` names the one, and it begins by itself
    when that one is back. LogRolledBack: an audit log that a witness contradicts is not one under which anybody may be
    searched for.
    """
    centre.log_must_hold()
    now = centre.clock.now()
    with Session(centre.engine) as session:
        searchable(session, account, case, now, centre.terms.bases)
    with writing(centre.engine) as session:
        row = centre.jobs.start(session, searchable(session, account, case, now, centre.terms.bases), account.name)
        record(session, now, account.name, "search", case, f"job {row.id}")
        out = job_out(row, None)
    centre.jobs.run(out.job, case)
    return out


@router.get("/route-jobs", summary="List the searches of a case", responses=refusals(*SIGNED_IN, NotFound))
def list_jobs(case: Name, centre: At, account: Tracer) -> list[JobOut]:
    with Session(centre.engine) as session:
        own_case(session, account, case, centre.clock.now())
        return [job_out(row, centre.jobs.progress(row.id)) for row in store.jobs_of(session, case)]


@router.get("/route-jobs/{job}", summary="How far a search is", responses=refusals(*SIGNED_IN, NotFound))
def show_job(case: Name, job: Name, centre: At, account: Tracer) -> JobOut:
    with Session(centre.engine) as session:
        own_case(session, account, case, centre.clock.now())
        return job_out(store.job_of(session, case, job), centre.jobs.progress(job))


@router.delete("/route-jobs/{job}", status_code=204, summary="Stop a search", responses=refusals(*SIGNED_IN, NotFound))
def stop_job(case: Name, job: Name, centre: At, account: Tracer) -> None:
    """One that has ended stays as it is; the case stays approved and can be searched again."""
    now = centre.clock.now()
    with writing(centre.engine) as session:
        own_case(session, account, case, now)
        store.job_of(session, case, job)
        record(session, now, account.name, "stopped search", case, f"job {job}")
    centre.jobs.stop_job(job)


@router.get("/route", summary="The route that was found", responses=refusals(*_READ))
def show_route(case: Name, centre: At, account: Tracer) -> RouteOut:
    row, of_case, words = _read(centre, account, case, "read route")
    return route_out(row, of_case, words)


@router.get("/questions", summary="What to ask the patient", responses=refusals(*_READ))
def show_questions(case: Name, centre: At, account: Tracer) -> list[QuestionOut]:
    """Sightings whose answers would settle most of the route, best first: confirm or reject each, and search again."""
    row, of_case, words = _read(centre, account, case, "read questions")
    return route_out(row, of_case, words).questions


@router.get("/words", summary="What was said of sightings", responses=refusals(*_READ))
def list_words(case: Name, centre: At, account: Tracer) -> list[WordOut]:
    now = centre.clock.now()
    with writing(centre.engine) as session:
        of_case = own_case(session, account, case, now)
        must_not_be_ended(of_case)
        found = [word_out(one, of_case) for one in words_of(session, case)]
        record(session, now, account.name, "read words", case)
        return found


@router.put("/words/{sighting:path}", summary="Confirm or reject a sighting", responses=refusals(*_READ))
def say_word(case: Name, sighting: SightingName, asked: SayWord, centre: At, account: Tracer) -> WordOut:
    """Heeded by the next search. The same word again changes nothing; another one counts instead, and both stand in the
    audit log."""
    now = centre.clock.now()
    with writing(centre.engine) as session:
        row = say(session, account, case, sighting, asked.word, now)
        of_case = session.get_one(Case, case)
        if row is None:
            return word_out(session.get_one(SightingWord, (case, sighting)), of_case)
        out = word_out(row, of_case)
        record(session, now, account.name, f"{asked.word} sighting", case, f"sighting {out.mark}")
        return out


@router.delete("/words/{sighting:path}", status_code=204, summary="Take a word back", responses=refusals(*_READ))
def forget_word(case: Name, sighting: SightingName, centre: At, account: Tracer) -> None:
    now = centre.clock.now()
    with writing(centre.engine) as session:
        take_back(session, account, case, sighting, now)
        name = mark(session.get_one(Case, case), sighting)
        record(session, now, account.name, "word taken back", case, f"sighting {name}")
    centre.erased.set()
    centre.scrub()


@router.get("/contacts", summary="People possibly exposed", responses=refusals(*_READ, UnknownPreset))
def show_contacts(
    case: Name, centre: At, account: Tracer, preset: Annotated[str, Query(max_length=40)] = USUAL
) -> ContactsOut:
    """Derived anew from the raw facts each time, by the rules of one dated preset; with the rule itself, and with those
    who are no contacts as measured and may be some in truth."""
    rule = preset_of(centre.presets, preset)  # before it is written down: the log holds no word of a caller's choosing
    row, of_case, _ = _read(centre, account, case, "read contacts", preset)
    found, near = contact_maps(json.loads(row.route), rule)
    return ContactsOut(
        case=case, purpose=of_case.purpose, preset=preset, rule=preset_to_map(rule), found_at=row.found_at,
        contacts=found, near=near,
    )  # fmt: skip


@router.get("/route/map.svg", summary="The route as a picture", responses=refusals(*_READ), response_class=Response)
def show_map(case: Name, centre: At, account: Tracer, language: Language = "en") -> Response:
    """A self-contained SVG: nothing is fetched from anywhere when it is looked at."""
    row, _, _ = _read(centre, account, case, "read route map")
    with Session(centre.engine) as session:
        graph = camera_graph(session)
    return Response(svg_of(json.loads(row.route), graph, case, language, centre.zone), media_type="image/svg+xml")


def _read(
    centre: Centre, account: Account, case: str, action: str, detail: str = ""
) -> tuple[FoundRoute, Case, list[SightingWord]]:
    """The route, its case and what was said of it, as soon as the reading stands in the audit log."""
    with writing(centre.engine) as session:
        of_case = own_case(session, account, case, centre.clock.now())
        must_not_be_ended(of_case)
        row, words = store.route_of(session, case), words_of(session, case)
        record(session, centre.clock.now(), account.name, action, case, detail)
        for one in (row, of_case, *words):
            session.refresh(one)
            session.expunge(one)
        return row, of_case, words
