"""Who is asking, and what may they do."""

from __future__ import annotations

import hmac
import secrets
from enum import StrEnum
from hashlib import sha256

from sqlmodel import Session, select

from central.accounts.tables import Account
from central.errors import NotAllowed, NotSignedIn
from central.signers import verifier
from shared.errors import BadInput
from shared.ids import check_id
from shared.releases import Person


class Role(StrEnum):
    """What a person does here; an account may have several, but never signs one case in two."""

    TRACER = "tracer"
    APPROVER = "approver"
    PRIVACY_OFFICER = "privacy-officer"
    TECHNICIAN = "technician"
    ADMINISTRATOR = "administrator"


def add_account(session: Session, name: str, roles: set[Role], public: bytes) -> str:
    """Add an account, or give an existing one new roles, key and token. Returns the token, which is shown once."""
    if not roles:
        raise BadInput("an account needs a role", hint=f"one of {', '.join(Role)}")
    check_id(name, "account")
    verifier(public)
    taken = session.exec(select(Account).where(Account.signing_public == public, Account.name != name)).first()
    if taken is not None:
        hint = "make one with: cairn-central account key FILE"
        raise BadInput(f"{taken.name} has this key already; each person holds their own", hint=hint)
    secret = secrets.token_urlsafe(32)
    row = Account(
        name=name,
        roles=" ".join(sorted(roles)),
        token_hash=_hash(secret),
        signing_public=public,
    )
    session.merge(row)
    return f"{name}.{secret}"


def account_of(session: Session, token: str) -> Account:
    """The account whose token this is. Raises NotSignedIn without saying which part was wrong."""
    name, _, secret = token.partition(".")
    account = session.get(Account, name)
    expected = account.token_hash if account else bytes(32)
    fits = hmac.compare_digest(_hash(secret), expected)
    if account is None or not fits or not account.active:
        raise NotSignedIn("this token is not valid", hint="ask an administrator for a new one")
    return account


def accounts(session: Session) -> list[Account]:
    return list(session.exec(select(Account).order_by(Account.name)).all())


def people(session: Session) -> dict[str, Person]:
    """Active accounts as those who check signatures know them."""
    return {
        one.name: Person(frozenset(one.roles.split()), verifier(one.signing_public))
        for one in accounts(session)
        if one.active
    }


def has_role(account: Account, role: Role) -> bool:
    return role.value in account.roles.split()


def require(account: Account, *roles: Role) -> None:
    """Raises NotAllowed unless the account has one of the roles."""
    if not any(has_role(account, role) for role in roles):
        raise NotAllowed(f"this needs the role {' or '.join(roles)}", hint="sign in with such an account")


def _hash(secret: str) -> bytes:
    # 32 random bytes cannot be guessed, so a slow hash would only slow the honest.
    return sha256(secret.encode()).digest()
