"""Cases over HTTP: opened, consented to, registered, approved by another person, ended."""

from __future__ import annotations

import base64
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from sqlmodel import Session

from central.accounts.endpoints import SIGNED_IN, At, Tracer, TracerOrApprover, TracerOrOfficer
from central.accounts.service import Role, copy_noticed, has_role
from central.answers import Name, refusals
from central.audit.service import record
from central.cases import access, service
from central.cases.schemas import (
    Approve,
    CaseLine,
    CaseOut,
    Ended,
    OpenCase,
    Share,
    Shared,
    TakeConsent,
    case_line,
    case_out,
    shared,
)
from central.cases.service import State
from central.cases.tables import Case
from central.centre import Centre
from central.database import writing
from central.errors import CaseEnded, NoPictures, NotFound, ServiceDown, TooMuch, WrongState
from central.pictures import SEALED_TYPES, sealed_body
from shared.clock import as_utc
from shared.epochs import Modality
from shared.errors import BadEmbedding, BadInput, CairnError, CannotOpen, ReleaseRefused
from shared.templates import MAX_SEALED_BYTES

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
        signature = base64.b64decode(asked.opener_signature)
        row = service.open_case(session, account, asked.scope(), signature, now, centre.terms.bases)
        record(session, now, account.name, "opened", asked.case, asked.purpose)
        return case_out(row)


@router.get("", summary="List cases", responses=refusals(*SIGNED_IN))
def list_cases(
    centre: At,
    account: TracerOrApprover,
    skip: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[CaseLine]:
    """A tracer's own cases and those shared with them, newest first; an approver sees all, without what was found."""
    with Session(centre.engine) as session:
        return [case_line(row) for row in access.cases_of(session, account, skip, limit, centre.clock.now())]


@router.get("/{case}", summary="Show a case and the documents to sign", responses=refusals(*SIGNED_IN, NotFound))
def show_case(case: Name, centre: At, account: TracerOrApprover) -> CaseOut:
    """`documents` holds the exact bytes that people sign."""
    now = centre.clock.now()
    with writing(centre.engine) as session:
        row = access.seen_case(session, account, case, now)
        yours = access.works_on(session, account, row, now)
        out = case_out(row, access.grants_of(session, case), yours=yours)
        record(session, now, account.name, "read case", case)
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
        row = service.take_consent(session, account, asked.consent(case), signature, now, centre.terms)
        given, refused = " ".join(asked.scopes) or "none", " ".join(asked.refused) or "none"
        record(session, now, account.name, "consent", case, f"given {given}; refused {refused}")
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
        service.may_register(session, account, case, centre.clock.now())
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
        row = service.approve(session, account, case, asked.approved_at, signature, now, centre.terms.bases)
        if copy_noticed(session, account.name, signature):
            record(session, now, account.name, "key warning", case, "the passkey's counter went back: a copy is in use")
        record(session, now, account.name, "approved", case)
        return case_out(row)


@router.post(
    "/{case}/withdraw", summary="Withdraw a case", responses=refusals(*SIGNED_IN, NotFound, service.ScopeRefused)
)
def withdraw(case: Name, centre: At, account: TracerOrOfficer, scope: Modality | None = None) -> Ended:
    """The patient's word: the search stops now, what it found is erased, and no authority releases any more.

    With `scope`, only that one is taken back: what was found by it goes, and what is left of the consent needs a new
    case. An office that is away is named in `untold` and told as soon as it is back.
    """
    now = centre.clock.now()
    with writing(centre.engine) as session:
        officer = has_role(account, Role.PRIVACY_OFFICER)
        row = access.any_case(session, case) if officer else access.own_case(session, account, case, now)
        by = Role.PRIVACY_OFFICER if officer and not access.works_on(session, account, row, now) else Role.TRACER
        if scope is None:
            row = service.end(session, row, State.WITHDRAWN, centre.parties, now, by)
        else:
            row = service.withdraw_scope(session, row, scope, centre.parties, now, by)
        ended = _ended(row)
        record(session, now, account.name, "withdrawn", case, f"as {by}; scopes {row.withdrawn or 'none'}")
    return _stopped(centre, ended)


@router.post("/{case}/close", summary="Close a case", responses=refusals(*SIGNED_IN, NotFound))
def close(case: Name, centre: At, account: Tracer) -> Ended:
    """The work is done: nothing is searched any more and the template is erased; the route stays until retention."""
    now = centre.clock.now()
    with writing(centre.engine) as session:
        row = access.own_case(session, account, case, now)
        ended = _ended(service.end(session, row, State.CLOSED, centre.parties, now, Role.TRACER))
        record(session, now, account.name, "closed", case)
    return _stopped(centre, ended)


@router.put(
    "/{case}/grants/{account_name}",
    summary="Share a case with another tracer for a time",
    responses=refusals(*SIGNED_IN, NotFound, BadInput),
)
def share(case: Name, account_name: Name, asked: Share, centre: At, account: Tracer) -> Shared:
    """They may then do what you may with this one case, but not share it. At most 14 days; again to move the end."""
    now = centre.clock.now()
    with writing(centre.engine) as session:
        out = shared(access.share(session, account, case, account_name, asked.until, now))
        until = as_utc(asked.until).isoformat(timespec="minutes")
        record(session, now, account.name, "shared", case, f"with {account_name} until {until}")
        return out


@router.delete("/{case}/grants/{account_name}", summary="Take a share back", responses=refusals(*SIGNED_IN, NotFound))
def unshare(case: Name, account_name: Name, centre: At, account: Tracer) -> Shared:
    """From now on, not from the end of anybody's session."""
    now = centre.clock.now()
    with writing(centre.engine) as session:
        out = shared(access.unshare(session, account, case, account_name, now))
        record(session, now, account.name, "unshared", case, f"from {account_name}")
        return out


def _ended(row: Case) -> Ended:
    return Ended(case=row.case, state=State(row.state), withdrawn=row.withdrawn.split(), untold=row.untold.split())


def _stopped(centre: Centre, ended: Ended) -> Ended:
    """Kill what runs, leave nothing of what was erased on the disk, and tell the offices."""
    centre.jobs.stop_case(ended.case)
    centre.erased.set()
    centre.scrub()
    return ended.model_copy(update={"untold": centre.tell_of_end(ended.case)})
