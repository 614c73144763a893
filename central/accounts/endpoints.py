"""Who is asking: the bearer token of a request, and the roles that an endpoint wants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from sqlmodel import Session

from central.accounts.service import Role, account_of, accounts, require
from central.accounts.tables import Account
from central.answers import refusals
from central.centre import Centre
from central.errors import NotAllowed, NotSignedIn

_bearer = HTTPBearer(auto_error=False, description="the token that `cairn-central account add` printed")


def centre_of(request: Request) -> Centre:
    found: Centre = request.app.state.centre
    return found


At = Annotated[Centre, Depends(centre_of)]


def signed_in(
    request: Request, centre: At, shown: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Account:
    """Raises NotSignedIn. The account is kept with the request, so that a refusal can be put down to it."""
    if shown is None:
        raise NotSignedIn("no token was shown", hint="send the header Authorization: Bearer TOKEN")
    with Session(centre.engine) as session:
        account = account_of(session, shown.credentials)
        session.expunge(account)
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

SIGNED_IN = (NotSignedIn, NotAllowed)

router = APIRouter(prefix="/accounts", tags=["accounts"])


class AccountOut(BaseModel):
    name: str
    roles: list[str]
    active: bool


@router.get("", summary="List accounts", responses=refusals(*SIGNED_IN))
def list_accounts(centre: At, _account: Administrator) -> list[AccountOut]:
    """For an administrator: who may do what. No token and no key is ever shown."""
    with Session(centre.engine) as session:
        return [AccountOut(name=a.name, roles=a.roles.split(), active=a.active) for a in accounts(session)]
