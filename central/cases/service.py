"""A case from its opening to its end. Every document is checked here as it comes in, and again by each authority."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

from central.accounts.service import Role, has_role, people
from central.accounts.tables import Account
from central.cases.tables import Case
from central.errors import CaseEnded, NotAllowed, NotFound, WrongState
from central.nodes.service import cells
from central.probes.templates import Kept
from central.signers import verifier
from shared.errors import BadInput, ReleaseRefused
from shared.ids import check_id
from shared.releases import (
    Approval,
    CaseScope,
    ConsentReceipt,
    Release,
    approval_from_bytes,
    check_consent,
    check_release,
    check_scope,
    check_signature,
    consent_from_bytes,
    document_bytes,
    scope_from_bytes,
)


class State(StrEnum):
    """Where a case stands. Only an approved one can be searched."""

    OPEN = "open"
    APPROVED = "approved"
    WITHDRAWN = "withdrawn"
    CLOSED = "closed"


def open_case(session: Session, account: Account, scope: CaseScope, signature: bytes, now: datetime) -> Case:
    """Enter a case that its tracer has signed. Raises ReleaseRefused, BadInput, or WrongState for a name in use."""
    if scope.opened_by != account.name:
        raise NotAllowed("a case is opened in one's own name", hint="sign in with the account that signs")
    check_id(scope.case, "case")
    check_scope(scope, now)
    check_signature(verifier(account.signing_public), "opener", scope, signature)
    unknown = sorted(set(scope.cells) - cells(session))
    if unknown:
        hint = "list the cells with: cairn-central camera list"
        raise BadInput(f"no camera belongs to {', '.join(unknown[:5])}", hint=hint)
    if session.get(Case, scope.case) is not None:
        raise WrongState("there is a case of this name already", hint="choose another name; none is used twice")
    row = Case(
        case=scope.case,
        state=State.OPEN,
        opened_by=account.name,
        opened_at=now,
        expires=scope.expires,
        scope=document_bytes(scope),
        opener_signature=signature,
    )
    session.add(row)
    return row


def take_consent(session: Session, account: Account, receipt: ConsentReceipt, signature: bytes, now: datetime) -> Case:
    """Keep the patient's consent, as its witness signed it. Raises ReleaseRefused when it does not carry the case."""
    row = own_case(session, account, receipt.case)
    _must_be(row, State.OPEN)
    if receipt.signed_by != account.name:
        raise NotAllowed("a consent is witnessed in one's own name", hint="sign in with the account that signs")
    check_signature(verifier(account.signing_public), "witness", receipt, signature)
    check_consent(scope_of(row), receipt, now)
    row.consent, row.consent_signature = document_bytes(receipt), signature
    session.add(row)
    return row


def may_register(session: Session, account: Account, case: str) -> None:
    """Raises WrongState once the case is approved: the approver signed for the patient who was registered then."""
    _must_be(own_case(session, account, case), State.OPEN)


def registered(session: Session, account: Account, case: str, kept: Kept, now: datetime) -> Case:
    """Note that the probe service has taken the patient's template, and what it says of it."""
    row = own_case(session, account, case)
    _must_be(row, State.OPEN)
    row.registered_at, row.template, row.photos = now, kept.digest, kept.photos
    row.template_model, row.masked_template = kept.model, kept.masked
    session.add(row)
    return row


def approval_of(row: Case, approver: str, approved_at: datetime) -> Approval:
    """What an approver is to sign. Raises WrongState while there is no consent or no template."""
    if row.consent is None:
        raise WrongState("the patient's consent is not taken down", hint="use: cairn-central case consent")
    if row.template is None:
        raise WrongState("the patient is not registered", hint="use: cairn-edge register, cairn-central case register")
    digests = (sha256(row.scope).digest(), sha256(row.consent).digest(), row.template)
    return Approval(row.case, approver, *digests, row.photos, approved_at)


def approve(
    session: Session, account: Account, case: str, approved_at: datetime, signature: bytes, now: datetime
) -> Case:
    """The second signature. Raises ReleaseRefused for the opener's own, and whatever an authority would refuse."""
    row = seen_case(session, account, case)
    if row.opened_by == account.name:
        hint = "another person with the role approver must sign"
        raise ReleaseRefused("the approver opened this case", hint=hint)
    if not has_role(account, Role.APPROVER):
        raise NotAllowed("this needs the role approver", hint="sign in with such an account")
    _must_be(row, State.OPEN)
    row.approval = document_bytes(approval_of(row, account.name, approved_at))
    row.approver_signature = signature
    check_release(release_of(row), people(session, now), now)
    row.state = State.APPROVED
    session.add(row)
    return row


def end(session: Session, row: Case, state: State, parties: Sequence[str], now: datetime) -> Case:
    """Withdraw or close, for good: nothing can be searched from now on, and `parties` are to be told."""
    if row.state not in (State.WITHDRAWN, State.CLOSED):
        row.state, row.ended_at, row.untold = state, now, " ".join(parties)
    elif state is State.WITHDRAWN and row.state == State.CLOSED:
        row.state = state  # a closed case may still be withdrawn, which erases what closing had kept
    if state is State.WITHDRAWN:
        row.pseudonym_key = None
    session.add(row)
    return row


def told(session: Session, case: str, party: str) -> None:
    """Note that `party` has heard of the case's end."""
    if (row := session.get(Case, case)) is not None:
        row.untold = " ".join(name for name in row.untold.split() if name != party)
        session.add(row)


def ended_and_untold(session: Session) -> list[Case]:
    """Cases whose end somebody has not heard of."""
    return list(session.exec(select(Case).where(col(Case.untold) != "")).all())


def own_case(session: Session, account: Account, case: str) -> Case:
    """A case that this tracer opened. NotFound for any other, so that nobody learns which names exist."""
    row = session.get(Case, case)
    if row is None or row.opened_by != account.name or not has_role(account, Role.TRACER):
        raise _not_found()
    return row


def seen_case(session: Session, account: Account, case: str) -> Case:
    """A case that may be looked at: a tracer's own, and any for an approver, who must see what there is to sign."""
    row = session.get(Case, case)
    own = row is not None and row.opened_by == account.name and has_role(account, Role.TRACER)
    if row is None or not (own or has_role(account, Role.APPROVER)):
        raise _not_found()
    return row


def any_case(session: Session, case: str) -> Case:
    """A case by its name, whoever opened it: for the privacy officer, who withdraws on a patient's word."""
    if (row := session.get(Case, case)) is None:
        raise _not_found()
    return row


def cases_of(session: Session, account: Account, skip: int, limit: int) -> list[Case]:
    """Cases that seen_case would give, newest first, without their scopes, which name every cell of a city."""
    lean = defer(Case.scope, raiseload=True)  # type: ignore[arg-type]  # a column, which the type of a field hides
    query = select(Case).options(lean).order_by(col(Case.opened_at).desc(), Case.case).offset(skip).limit(limit)
    if not has_role(account, Role.APPROVER):
        query = query.where(Case.opened_by == account.name)
    return list(session.exec(query).all())


def searchable(session: Session, account: Account, case: str, now: datetime) -> Release:
    """The release of an approved case of one's own. Raises CaseEnded, WrongState, or ReleaseRefused once expired."""
    row = own_case(session, account, case)
    _must_be(row, State.APPROVED)
    release = release_of(row)
    check_release(release, people(session, now), now)
    return release


def must_not_be_ended(row: Case) -> None:
    """Raises CaseEnded for a withdrawn case, of which nothing is left to be read."""
    if row.state == State.WITHDRAWN:
        raise CaseEnded(f"case {row.case} was withdrawn", hint="open a new case with a new consent")


def release_of(row: Case) -> Release:
    """Everything that proves the case. Raises WrongState while a signature is missing."""
    if row.consent is None or row.consent_signature is None or row.approval is None or row.approver_signature is None:
        raise WrongState("the case is not approved", hint="have it approved by another person")
    return Release(
        scope=scope_of(row),
        consent=consent_from_bytes(row.consent),
        approval=approval_from_bytes(row.approval),
        opener_signature=row.opener_signature,
        approver_signature=row.approver_signature,
        consent_signature=row.consent_signature,
    )


def scope_of(row: Case) -> CaseScope:
    return scope_from_bytes(row.scope)


def _must_be(row: Case, state: State) -> None:
    if row.state == state:
        return
    if row.state in (State.WITHDRAWN, State.CLOSED):
        word = "was withdrawn" if row.state == State.WITHDRAWN else "is closed"
        raise CaseEnded(f"case {row.case} {word}", hint="open a new case with a new consent")
    hints: Mapping[str, str] = {
        State.OPEN: "it is approved already; open a new case to change anything",
        State.APPROVED: "have it approved by another person first",
    }
    raise WrongState(f"case {row.case} is {row.state}, not {state}", hint=hints[state])


def _not_found() -> NotFound:
    return NotFound("there is no such case, or it is not yours", hint="list yours with: cairn-central case list")
