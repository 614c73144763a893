"""Whose case it is: who may read and work on it, until when. Nobody else learns that it exists."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import exists
from sqlalchemy.orm import defer
from sqlmodel import Session, col, or_, select

from central.accounts.service import Role, has_role, is_live, known
from central.accounts.tables import Account
from central.cases.tables import Case, CaseGrant
from central.errors import NotAllowed, NotFound
from shared.errors import BadInput
from shared.releases import approval_from_bytes

MAX_GRANT = timedelta(days=14)


def own_case(session: Session, account: Account, case: str, now: datetime) -> Case:
    """A case that this tracer opened or was given for now. NotFound for any other, as for one that does not exist."""
    row = session.get(Case, case)
    if row is None or not has_role(account, Role.TRACER) or not works_on(session, account, row, now):
        raise _not_found()
    return row


def opened_case(session: Session, account: Account, case: str, now: datetime) -> Case:
    """A case that this tracer opened. NotAllowed for one that they were only given."""
    row = own_case(session, account, case, now)
    if row.opened_by != account.name:
        raise NotAllowed("only whoever opened a case shares it", hint=f"ask {row.opened_by}")
    return row


def seen_case(session: Session, account: Account, case: str, now: datetime) -> Case:
    """A case that may be looked at: a tracer's own, and any for an approver, who must see what there is to sign."""
    row = session.get(Case, case)
    own = row is not None and has_role(account, Role.TRACER) and works_on(session, account, row, now)
    if row is None or not (own or has_role(account, Role.APPROVER)):
        raise _not_found()
    return row


def any_case(session: Session, case: str) -> Case:
    """A case by its name, whoever opened it: for the privacy officer, who withdraws on a patient's word."""
    if (row := session.get(Case, case)) is None:
        raise _not_found()
    return row


def cases_of(session: Session, account: Account, skip: int, limit: int, now: datetime) -> list[Case]:
    """Cases that seen_case would give, newest first, without their scopes, which name every cell of a city."""
    lean = defer(Case.scope, raiseload=True)  # type: ignore[arg-type]  # a column, which the type of a field hides
    newest = (col(Case.opened_at).desc(), col(Case.case).desc())
    query = select(Case).options(lean).order_by(*newest).offset(skip).limit(limit)
    if not has_role(account, Role.APPROVER):
        given = exists().where(
            col(CaseGrant.case) == col(Case.case), col(CaseGrant.account) == account.name,
            col(CaseGrant.until) > now, col(CaseGrant.revoked_at).is_(None),
        )  # fmt: skip
        query = query.where(or_(Case.opened_by == account.name, given))
    return list(session.exec(query).all())


def share(session: Session, account: Account, case: str, other: str, until: datetime, now: datetime) -> CaseGrant:
    """Let another tracer work on this case until a moment, at most 14 days ahead; again to move that moment.

    Raises NotFound, NotAllowed for somebody who is no tracer or signed the case as its approver, BadInput for a time.
    """
    row = opened_case(session, account, case, now)
    if other == account.name:
        raise BadInput("a case is shared with another tracer", hint="name somebody else")
    colleague = known(session, other)
    if not has_role(colleague, Role.TRACER) or not is_live(colleague, now):
        raise NotAllowed(f"{other} is no tracer", hint="share with an account that has the role tracer")
    if row.approval is not None and approval_from_bytes(row.approval).approver == other:
        raise NotAllowed(f"{other} approved this case", hint="whoever approves a case does not work on it")
    if not now < until <= now + MAX_GRANT:
        hint = f"name an end after now and within {MAX_GRANT.days} days"
        raise BadInput("the time until which the case is shared is past, or too far away", hint=hint)
    return session.merge(CaseGrant(case=case, account=other, until=until, given_by=account.name, given_at=now))


def unshare(session: Session, account: Account, case: str, other: str, now: datetime) -> CaseGrant:
    """Take it back at once. NotFound when the case was never shared with them; twice is no error."""
    opened_case(session, account, case, now)
    grant = session.get(CaseGrant, (case, other))
    if grant is None:
        raise NotFound("the case is not shared with this account", hint="see: cairn-central case show")
    grant.revoked_at = grant.revoked_at or now
    session.add(grant)
    return grant


def grants_of(session: Session, case: str) -> list[CaseGrant]:
    """Everybody whom the case was ever shared with, those whose time is over too."""
    query = select(CaseGrant).where(CaseGrant.case == case).order_by(col(CaseGrant.given_at), CaseGrant.account)
    return list(session.exec(query).all())


def was_given(session: Session, account: Account, case: str) -> bool:
    """Whether this account has, or ever had, the case to work on: such a person is no independent approver."""
    return session.get(CaseGrant, (case, account.name)) is not None


def works_on(session: Session, account: Account, row: Case, now: datetime) -> bool:
    """Whether this account opened the case, or has it for now."""
    if row.opened_by == account.name:
        return True
    grant = session.get(CaseGrant, (row.case, account.name))
    return grant is not None and grant.revoked_at is None and now < grant.until


def _not_found() -> NotFound:
    return NotFound("there is no such case, or it is not yours", hint="list yours with: cairn-central case list")
