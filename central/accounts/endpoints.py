"""Who is asking: the bearer token of a request, and the roles that an endpoint wants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from sqlmodel import Session

from central.accounts.attempts import Attempts
from central.accounts.service import Role, account_of, accounts, require, role_ends
from central.accounts.tables import Account
from central.answers import refusals
from central.centre import Centre
from central.errors import NotAllowed, NotSignedIn, TooManyAttempts
from central.signers import fingerprint, kind_of

_bearer = HTTPBearer(auto_error=False, description="the token that `cairn-central account add` printed")


def centre_of(request: Request) -> Centre:
    found: Centre = request.app.state.centre
    return found


At = Annotated[Centre, Depends(centre_of)]


def attempts_of(request: Request) -> Attempts:
    found: Attempts = request.app.state.attempts
    return found


def let_in(request: Request, centre: Centre, token: str) -> Account:
    """The account whose token this is. Raises NotSignedIn, and TooManyAttempts for whoever was wrong too often."""
    name, address = token.partition(".")[0], request.client.host if request.client else ""
    attempts_of(request).check(name, address)
    try:
        with Session(centre.engine) as session:
            return account_of(session, token, centre.clock.now())
    except NotSignedIn:
        attempts_of(request).failed(name, address)
        raise


def signed_in(
    request: Request, centre: At, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Account:
    """Raises NotSignedIn. The account is kept with the request, so that a refusal can be put down to it."""
    if shown is None:
        raise NotSignedIn("no token was shown", hint="send the header Authorization: Bearer TOKEN")
    account = let_in(request, centre, shown.credentials)
    request.state.account = account.name
    return account


def holding(*roles: Role) -> Callable[[Account], Account]:
    """A dependency: the account that asks, which must have one of the roles."""

    def check(account: Annotated[Account, Depends(signed_in)]) -> Account:
        require(account, *roles)
        return account

    return check


Tracer = Annotated[Account, Depends(holding(Role.TRACER))]
TracerOrApprover = Annotated[Account, Depends(holding(Role.TRACER, Role.APPROVER))]
TracerOrOfficer = Annotated[Account, Depends(holding(Role.TRACER, Role.PRIVACY_OFFICER))]
Technician = Annotated[Account, Depends(holding(Role.TECHNICIAN))]
Officer = Annotated[Account, Depends(holding(Role.PRIVACY_OFFICER))]
Administrator = Annotated[Account, Depends(holding(Role.ADMINISTRATOR))]

SIGNED_IN = (NotSignedIn, TooManyAttempts, NotAllowed)

router = APIRouter(prefix="/accounts", tags=["accounts"])


class AccountOut(BaseModel):
    """Never a token, never a key. `key` is file, passkey or none; `roles_until` names roles that end by themselves."""

    name: str
    roles: list[str]
    active: bool
    until: datetime | None
    roles_until: dict[str, datetime]
    key: str
    fingerprint: str | None
    token_until: datetime | None


@router.get("", summary="List accounts", responses=refusals(*SIGNED_IN))
def list_accounts(
    centre: At,
    _account: Administrator,
    skip: Annotated[int, Query(ge=0)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 200,
) -> list[AccountOut]:
    """For an administrator: who may do what. No token and no key is ever shown."""
    with Session(centre.engine) as session:
        ends = role_ends(session)
        return [account_out(row, ends) for row in accounts(session, skip, limit)]


def account_out(row: Account, ends: Mapping[tuple[str, str], datetime]) -> AccountOut:
    roles = row.roles.split()
    return AccountOut(
        name=row.name,
        roles=roles,
        active=row.active,
        until=row.until,
        roles_until={role: ends[row.name, role] for role in roles if (row.name, role) in ends},
        key=kind_of(row.signing_public),
        fingerprint=fingerprint(row.signing_public) if row.signing_public else None,
        token_until=row.token_until,
    )
