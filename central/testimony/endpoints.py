"""A patient's told timeline over HTTP. Each act is in the audit log by the visit's number; what was said is not."""

from __future__ import annotations

from fastapi import APIRouter

from central.accounts.endpoints import SIGNED_IN, At, Tracer
from central.answers import Name, refusals
from central.audit.service import record
from central.cases.service import must_not_be_ended
from central.cases.tables import Case
from central.database import writing
from central.errors import CaseEnded, NotFound, TooMuch
from central.testimony import service
from central.testimony.compared import compare_told, material_of
from central.testimony.schemas import ComparisonOut, TellVisit, VisitOut, comparison_out, visit_out
from shared.errors import BadInput

router = APIRouter(prefix="/cases/{case}/testimony", tags=["testimony"])
_READ = (*SIGNED_IN, NotFound, CaseEnded)
_WRITE = (*_READ, BadInput, service.NamesSomebody)


@router.get("", summary="The timeline as the patient told it", responses=refusals(*_READ))
def list_visits(case: Name, centre: At, account: Tracer) -> list[VisitOut]:
    """In order of time; of manual cases and of those with cameras."""
    now = centre.clock.now()
    with writing(centre.engine) as session:
        visits = [visit_out(row) for row in service.visits_of(session, account, case, now)]
        record(session, now, account.name, "read testimony", case)
        return visits


@router.get("/comparison", summary="The timeline beside the route", responses=refusals(*_READ))
def show_comparison(case: Name, centre: At, account: Tracer) -> ComparisonOut:
    """Of each stated stay whether cameras confirm or contradict it, or say nothing, and why; and what it left out."""
    now = centre.clock.now()
    with writing(centre.engine) as session:
        rows = service.visits_of(session, account, case, now)
        of_case = session.get_one(Case, case)
        must_not_be_ended(of_case)
        told, material = [visit_out(row) for row in rows], material_of(session, of_case, rows)
        record(session, now, account.name, "read testimony comparison", case)
    found = compare_told(material, centre.parts.store)  # outside, so that nobody waits to write meanwhile
    return comparison_out(case, material.found_at, centre.zone.key, told, found)


@router.post("", status_code=201, summary="Enter a visit", responses=refusals(*_WRITE, TooMuch))
def add_visit(case: Name, asked: TellVisit, centre: At, account: Tracer) -> VisitOut:
    now = centre.clock.now()
    with writing(centre.engine) as session:
        out = visit_out(service.add_visit(session, account, case, asked.told(centre.zone.key), now))
        record(session, now, account.name, "testimony added", case, f"visit {out.id}")
        return out


@router.put("/{visit}", summary="Change a visit", responses=refusals(*_WRITE))
def change_visit(case: Name, visit: Name, asked: TellVisit, centre: At, account: Tracer) -> VisitOut:
    """The words before are gone; that they were changed, when and by whom, is in the audit log."""
    now = centre.clock.now()
    with writing(centre.engine) as session:
        out = visit_out(service.change_visit(session, account, case, visit, asked.told(centre.zone.key), now))
        record(session, now, account.name, "testimony changed", case, f"visit {visit}")
    centre.erased.set()
    centre.scrub()
    return out


@router.delete("/{visit}", status_code=204, summary="Remove a visit", responses=refusals(*_READ))
def remove_visit(case: Name, visit: Name, centre: At, account: Tracer) -> None:
    now = centre.clock.now()
    with writing(centre.engine) as session:
        service.remove_visit(session, account, case, visit, now)
        record(session, now, account.name, "testimony removed", case, f"visit {visit}")
    centre.erased.set()
    centre.scrub()
