"""A case from its opening to its end. Every document is checked here as it comes in, and again by each authority."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from hashlib import sha256

from sqlmodel import Session, col, select

from central.accounts.service import Role, has_role, people
from central.accounts.tables import Account
from central.cases.access import own_case, seen_case, was_given
from central.cases.bases import Bases, check_basis
from central.cases.tables import Case
from central.consents.records import keep_record, mark_ended
from central.consents.terms import Terms
from central.errors import CaseEnded, NotAllowed, WrongState
from central.nodes.service import cells
from central.probes.templates import Kept
from central.retention.tables import PastCase
from central.routes.store import forget_route
from central.signers import verifier
from central.testimony.service import forget_visits
from shared.epochs import Modality
from shared.errors import BadInput, ReleaseRefused
from shared.ids import check_id
from shared.releases import (
    Approval,
    CaseScope,
    ConsentReceipt,
    Release,
    approval_from_bytes,
    check_answer,
    check_bounds,
    check_consent,
    check_release,
    check_scope,
    check_signature,
    consent_from_bytes,
    document_bytes,
    scope_from_bytes,
)


class CameraFree(WrongState):
    """The patient refused every camera search: the case is kept by hand, and nothing of it is ever searched."""


class ScopeRefused(ReleaseRefused):
    """The patient did not give this scope, or has taken it back."""


class State(StrEnum):
    """Where a case stands. Only an approved one can be searched; a manual one never is."""

    OPEN = "open"
    MANUAL = "manual"
    APPROVED = "approved"
    WITHDRAWN = "withdrawn"
    NARROWED = "narrowed"
    CLOSED = "closed"
    EXPIRED = "expired"


ENDED = (State.WITHDRAWN, State.NARROWED, State.CLOSED, State.EXPIRED)
ERASED = (State.WITHDRAWN, State.EXPIRED)  # the route and the key of the contacts' pseudonyms went with the end


def open_case(
    session: Session, account: Account, scope: CaseScope, signature: bytes, now: datetime, bases: Bases
) -> Case:
    """Enter a case that its tracer has signed; one without cells and scopes is kept by hand.

    Raises ReleaseRefused and its kinds, BadInput, or WrongState for a name in use.
    """
    if scope.opened_by != account.name:
        raise NotAllowed("a case is opened in one's own name", hint="sign in with the account that signs")
    check_id(scope.case, "case")
    manual = not scope.cells and not scope.consents
    if manual:
        check_bounds(scope, now)
    else:
        check_scope(scope, now)
        _check_asked(session, scope)
    check_basis(bases, scope, now)
    check_signature(verifier(account.signing_public), "opener", scope, signature)
    if session.get(Case, scope.case) is not None or session.get(PastCase, scope.case) is not None:
        raise WrongState("there is a case of this name already", hint="choose another name; none is used twice")
    row = Case(
        case=scope.case,
        state=State.MANUAL if manual else State.OPEN,
        opened_by=account.name,
        opened_at=now,
        expires=scope.expires,
        purpose=scope.purpose,
        manual=manual,
        scope=document_bytes(scope),
        opener_signature=signature,
    )
    session.add(row)
    return row


def take_consent(
    session: Session, account: Account, receipt: ConsentReceipt, signature: bytes, now: datetime, terms: Terms
) -> Case:
    """Keep the patient's answer, as its witness signed it, in place of an earlier one while nothing is approved.

    A manual case takes only an answer that refuses everything. Raises ReleaseRefused when the consent does not carry
    the case, and WrongState for a receipt that was handed in before.
    """
    row = own_case(session, account, receipt.case, now)
    if row.state != State.MANUAL:
        _must_be(row, State.OPEN)
    if receipt.signed_by != account.name:
        raise NotAllowed("a consent is witnessed in one's own name", hint="sign in with the account that signs")
    check_signature(verifier(account.signing_public), "witness", receipt, signature)
    if row.manual and receipt.scopes:
        hint = "open a case with cells and scopes for a patient who agrees to a camera search"
        raise CameraFree("a manual case takes no consent to a camera search", hint=hint)
    if row.manual:
        check_answer(scope_of(row), receipt, now)
    else:
        check_consent(scope_of(row), receipt, now)
    keep_record(session, receipt, signature, terms, now)
    row.consent, row.consent_signature, row.consent_expires = document_bytes(receipt), signature, receipt.expires
    session.add(row)
    return row


def may_register(session: Session, account: Account, case: str, now: datetime) -> None:
    """Raises WrongState once the case is approved: the approver signed for the patient who was registered then."""
    _must_be(own_case(session, account, case, now), State.OPEN)


def registered(session: Session, account: Account, case: str, kept: Kept, now: datetime) -> Case:
    """Note that the probe service has taken the patient's template, and what it says of it."""
    row = own_case(session, account, case, now)
    _must_be(row, State.OPEN)
    row.registered_at, row.template, row.photos = now, kept.digest, kept.photos
    row.template_model, row.masked_template = kept.model, kept.masked
    row.template_appearance = kept.appearance
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
    session: Session, account: Account, case: str, approved_at: datetime, signature: bytes, now: datetime, bases: Bases
) -> Case:
    """The second signature. Raises ReleaseRefused for the opener's own, and whatever an authority would refuse."""
    row = seen_case(session, account, case, now)
    if row.opened_by == account.name:
        hint = "another person with the role approver must sign"
        raise ReleaseRefused("the approver opened this case", hint=hint)
    if not has_role(account, Role.APPROVER):
        raise NotAllowed("this needs the role approver", hint="sign in with such an account")
    if was_given(session, account, case):
        hint = "somebody who never worked on this case must sign"
        raise ReleaseRefused("the approver was given this case to work on", hint=hint)
    _must_be(row, State.OPEN)
    row.approval = document_bytes(approval_of(row, account.name, approved_at))
    row.approver_signature = signature
    release = release_of(row)
    check_release(release, people(session, now), now)
    check_basis(bases, release.scope, now)
    row.state = State.APPROVED
    session.add(row)
    return row


def end(session: Session, row: Case, state: State, parties: Sequence[str], now: datetime, by: str = "centre") -> Case:
    """Withdraw, close or let expire, for good: nothing can be searched from now on, and `parties` are to be told.

    `by` is the role of whoever ends it. A case that has ended may still be withdrawn, which erases what its end had
    kept; the search itself is over already, and the offices have heard.
    """
    first = row.state not in ENDED
    if first:
        row.state, row.ended_at, row.ended_by, row.untold = state, now, by, " ".join(parties)
    elif state is State.WITHDRAWN and row.state not in ERASED:
        row.state, row.ended_at, row.ended_by = state, now, by
    else:
        return row
    if state is State.WITHDRAWN:
        row.withdrawn = " ".join(given_scopes(row))
        mark_ended(session, row.case, row.withdrawn, now, by)
        forget_visits(session, row.case)
    if state in ERASED:
        row.pseudonym_key = None
        forget_route(session, row.case)
    session.add(row)
    return row


def withdraw_scope(
    session: Session, row: Case, scope: Modality, parties: Sequence[str], now: datetime, by: str
) -> Case:
    """Take back one of two scopes: the approval ends, and with it what was found by that scope.

    What is left of the consent needs a new case: no authority releases one case for two different consents. Raises
    ScopeRefused for a scope that was not given. Taking back the last one withdraws the case.
    """
    left = set(given_scopes(row)) - set(row.withdrawn.split())
    if scope.value not in left:
        raise ScopeRefused(f"the patient gave no scope {scope}, or has taken it back", hint="look at the receipt")
    if row.state in ERASED or left == {scope.value}:
        return end(session, row, State.WITHDRAWN, parties, now, by)
    row.withdrawn = " ".join(sorted({*row.withdrawn.split(), scope.value}))
    if row.state not in ENDED:
        row.state, row.untold = State.NARROWED, " ".join(parties)
    row.ended_at, row.ended_by = now, by
    if scope.value in scope_of(row).consents:
        forget_route(session, row.case)
    mark_ended(session, row.case, row.withdrawn, now, by)
    session.add(row)
    return row


def given_scopes(row: Case) -> tuple[str, ...]:
    """What the patient agreed to, by the receipt; nothing before there is one."""
    return consent_from_bytes(row.consent).scopes if row.consent else ()


def told(session: Session, case: str, party: str) -> None:
    """Note that `party` has heard of the case's end."""
    if (row := session.get(Case, case)) is not None:
        row.untold = " ".join(name for name in row.untold.split() if name != party)
        session.add(row)


def ended_and_untold(session: Session) -> list[Case]:
    """Cases whose end somebody has not heard of."""
    return list(session.exec(select(Case).where(col(Case.untold) > "")).all())


def searchable(session: Session, account: Account, case: str, now: datetime, bases: Bases) -> Release:
    """The release of an approved case of one's own.

    Raises CaseEnded, CameraFree, WrongState, or ReleaseRefused once expired or when the basis is no longer in force.
    """
    row = own_case(session, account, case, now)
    _must_be(row, State.APPROVED)
    release = release_of(row)
    check_release(release, people(session, now), now)
    check_basis(bases, release.scope, now)
    return release


def searchable_until(release: Release) -> datetime:
    """When approval or consent ends, whichever comes first: from then on no search of it may go on."""
    return min(release.scope.expires, release.consent.expires)


def must_not_be_ended(row: Case) -> None:
    """Raises CaseEnded for a withdrawn or expired case, of which nothing is left to be read."""
    if row.state in ERASED:
        raise _ended(row)


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
    if row.state in ENDED:
        raise _ended(row)
    if row.state == State.MANUAL:
        hint = "keep its timeline with: cairn-central testimony add"
        raise CameraFree(f"case {row.case} is kept by hand: the patient refused every camera search", hint=hint)
    hints: Mapping[str, str] = {
        State.OPEN: "it is approved already; open a new case to change anything",
        State.APPROVED: "have it approved by another person first",
    }
    raise WrongState(f"case {row.case} is {row.state}, not {state}", hint=hints[state])


def _ended(row: Case) -> CaseEnded:
    words = {
        State.WITHDRAWN: "was withdrawn",
        State.NARROWED: f"has ended: the patient took back the scope {row.withdrawn}",
        State.CLOSED: "is closed",
        State.EXPIRED: "has expired",
    }
    return CaseEnded(f"case {row.case} {words[State(row.state)]}", hint="open a new case with a new consent")


def _check_asked(session: Session, scope: CaseScope) -> None:
    """Raises BadInput for cells without a camera, ReleaseRefused for a search by nothing."""
    if not scope.consents:
        hint = "name face or appearance, or open the case --manual"
        raise ReleaseRefused("the case names no scope to search by", hint=hint)
    unknown = sorted(set(scope.cells) - cells(session))
    if unknown:
        hint = "list the cells with: cairn-central camera list"
        raise BadInput(f"no camera belongs to {', '.join(unknown[:5])}", hint=hint)
