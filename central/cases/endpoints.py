"""Cases over HTTP: opened, consented to, registered, approved by another person, ended."""

from __future__ import annotations

import base64
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from sqlmodel import Session

from central.accounts.endpoints import SIGNED_IN, At, Tracer, TracerOrApprover, TracerOrOfficer
from central.accounts.service import Role, has_role
from central.accounts.tables import Account
from central.answers import Name, refusals
from central.audit.service import record
from central.cases import service
from central.cases.schemas import Approve, CaseLine, CaseOut, Ended, OpenCase, TakeConsent, case_line, case_out
from central.cases.service import State
from central.centre import Centre
from central.database import writing
from central.errors import CaseEnded, NoPictures, NotFound, ServiceDown, TooMuch, WrongState
from central.pictures import SEALED_TYPES, sealed_body
from central.probes.templates import MAX_SEALED_BYTES
from central.routes.store import forget_route
from shared.errors import BadEmbedding, BadInput, CairnError, CannotOpen, ReleaseRefused

router = APIRouter(prefix="/cases", tags=["cases"])
_SEALED_BODY = {
    "requestBody": {
        "required": True,
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in sorted(SEALED_TYPES)},
    }
}


@router.post(
    "", status_code=201, summary="Open a case", responses=refusals(*SIGNED_IN, ReleaseRefused, WrongState, BadInput)
)
def open_case(asked: OpenCase, centre: At, account: Tracer) -> CaseOut:
    """The tracer signs the scope with their own key, on their own machine; the centre only checks it."""
    now = centre.clock.now()
    with writing(centre.engine) as session:
        row = service.open_case(session, account, asked.scope(), base64.b64decode(asked.opener_signature), now)
        record(session, now, account.name, "opened", asked.case)
        return case_out(row)


@router.get("", summary="List cases", responses=refusals(*SIGNED_IN))
def list_cases(
    centre: At,
    account: TracerOrApprover,
    skip: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[CaseLine]:
    """A tracer's own cases, newest first; an approver sees all, without what was found in them."""
    with Session(centre.engine) as session:
        return [case_line(row) for row in service.cases_of(session, account, skip, limit)]


@router.get("/{case}", summary="Show a case and the documents to sign", responses=refusals(*SIGNED_IN, NotFound))
def show_case(case: Name, centre: At, account: TracerOrApprover) -> CaseOut:
    """`documents.scope` holds the exact bytes that opener and approver sign."""
    with writing(centre.engine) as session:
        out = case_out(service.seen_case(session, account, case))
        record(session, centre.clock.now(), account.name, "read case", case)
        return out


@router.post(
    "/{case}/consent",
    summary="Take down the patient's consent",
    responses=refusals(*SIGNED_IN, NotFound, ReleaseRefused, WrongState, CaseEnded),
)
def take_consent(case: Name, asked: TakeConsent, centre: At, account: Tracer) -> CaseOut:
    now = centre.clock.now()
    with writing(centre.engine) as session:
        signature = base64.b64decode(asked.witness_signature)
        row = service.take_consent(session, account, asked.consent(case), signature, now)
        record(session, now, account.name, "consent", case, f"scopes {' '.join(asked.scopes)}")
        return case_out(row)


@router.put(
    "/{case}/template",
    status_code=204,
    summary="Hand on a sealed template",
    openapi_extra=_SEALED_BODY,
    responses=refusals(
        *SIGNED_IN, NotFound, NoPictures, CannotOpen, BadEmbedding, TooMuch, WrongState, CaseEnded, ServiceDown
    ),
)
def put_template(case: Name, centre: At, account: Tracer, sealed: Annotated[bytes, Depends(sealed_body)]) -> None:
    """Bytes that `cairn-edge register` sealed to the probe service; nothing here can open them. No picture is taken."""
    if len(sealed) > MAX_SEALED_BYTES:
        raise TooMuch("a template is too large", hint="register the patient with at most five pictures")
    with Session(centre.engine) as session:
        service.may_register(session, account, case)
    kept = centre.parts.probes.register(case, sealed)
    now = centre.clock.now()
    try:
        with writing(centre.engine) as session:
            service.registered(session, account, case, kept, now)
            record(session, now, account.name, "registered", case)
    except CairnError:
        # Approved or ended in the meantime: a template that nobody signed for must not be searched with.
        centre.parts.probes.erase(case)
        raise


@router.post(
    "/{case}/approve",
    summary="Approve a case: the second signature",
    responses=refusals(*SIGNED_IN, NotFound, ReleaseRefused, WrongState, CaseEnded),
)
def approve(case: Name, asked: Approve, centre: At, account: TracerOrApprover) -> CaseOut:
    """Refused to whoever opened the case. Each authority checks the same again before it releases anything."""
    now = centre.clock.now()
    with writing(centre.engine) as session:
        signature = base64.b64decode(asked.approver_signature)
        row = service.approve(session, account, case, asked.approved_at, signature, now)
        record(session, now, account.name, "approved", case)
        return case_out(row)


@router.post("/{case}/withdraw", summary="Withdraw a case", responses=refusals(*SIGNED_IN, NotFound))
def withdraw(case: Name, centre: At, account: TracerOrOfficer) -> Ended:
    """The patient's word: the search stops now, route and template are erased, and no authority releases any more.

    An office that is away is named in `untold` and told as soon as it is back.
    """
    return _end(centre, account, case, State.WITHDRAWN)


@router.post("/{case}/close", summary="Close a case", responses=refusals(*SIGNED_IN, NotFound))
def close(case: Name, centre: At, account: Tracer) -> Ended:
    """The work is done: nothing is searched any more and the template is erased; the route stays until retention."""
    return _end(centre, account, case, State.CLOSED)


def _end(centre: Centre, account: Account, case: str, state: State) -> Ended:
    now = centre.clock.now()
    with writing(centre.engine) as session:
        officer = state is State.WITHDRAWN and has_role(account, Role.PRIVACY_OFFICER)
        row = service.any_case(session, case) if officer else service.own_case(session, account, case)
        row = service.end(session, row, state, centre.parties, now)
        if row.state == State.WITHDRAWN:
            forget_route(session, case)
        reached = State(row.state)
        record(session, now, account.name, str(state), case)
    centre.jobs.stop_case(case)
    centre.erased.set()
    centre.scrub()
    return Ended(case=case, state=reached, untold=centre.tell_of_end(case))
