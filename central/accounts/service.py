"""Who is asking, and what may they do."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Final

from sqlalchemy import delete
from sqlmodel import Session, col, select

from central.accounts.tables import Account, RoleEnd
from central.errors import NotAllowed, NotFound, NotSignedIn
from central.signers import kind_of, verifier
from shared.errors import BadInput
from shared.ids import check_id
from shared.releases import Person

TOKEN_LIFE: Final = timedelta(days=90)
ENROL_LIFE: Final = timedelta(days=1)


class Role(StrEnum):
    """What a person does here; an account may have several, but never signs one case in two."""

    TRACER = "tracer"
    APPROVER = "approver"
    PRIVACY_OFFICER = "privacy-officer"
    TECHNICIAN = "technician"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Terms:
    """Until when an account, its token and single roles are good, and until when a passkey may be enrolled."""

    until: datetime | None = None
    token_until: datetime | None = None
    enrol_until: datetime | None = None
    roles_until: Mapping[Role, datetime] = field(default_factory=dict)


def add_account(session: Session, name: str, roles: set[Role], public: bytes, terms: Terms | None = None) -> str:
    """Add an account, or give an existing one new roles, key, token and terms. Returns the token, shown this once.

    `public` is empty for somebody who will enrol a passkey. Raises BadInput for a key that another account has.
    """
    terms = terms or Terms()
    if not roles:
        raise BadInput("an account needs a role", hint=f"one of {', '.join(Role)}")
    check_id(name, "account")
    _must_be_free(session, name, public)
    token, hashed = _new_token(name)
    row = Account(
        name=name,
        roles=" ".join(sorted(roles)),
        token_hash=hashed,
        signing_public=public,
        active=True,
        until=terms.until,
        token_until=terms.token_until,
        enrol_until=terms.enrol_until,
        sign_count=0,
    )
    session.merge(row)
    session.execute(delete(RoleEnd).where(col(RoleEnd.account) == name))
    session.add_all(RoleEnd(account=name, role=role, until=until) for role, until in terms.roles_until.items())
    return token


def grant(session: Session, name: str, role: Role, until: datetime | None) -> Account:
    """Give an account one role more, or another end to one that it has. Raises NotFound."""
    row = known(session, name)
    row.roles = " ".join(sorted({*row.roles.split(), role}))
    session.add(row)
    session.execute(delete(RoleEnd).where(col(RoleEnd.account) == name, col(RoleEnd.role) == role))
    if until is not None:
        session.add(RoleEnd(account=name, role=role, until=until))
    return row


def new_token(session: Session, name: str, until: datetime | None) -> str:
    """Another token in place of the one before, whose sessions end with it. Raises NotFound."""
    row = known(session, name)
    token, row.token_hash = _new_token(name)
    row.token_until = until
    session.add(row)
    return token


def set_active(session: Session, name: str, *, active: bool) -> Account:
    """Deactivate or reactivate: whoever is not active neither signs in nor counts as a signer. Raises NotFound."""
    row = known(session, name)
    row.active = active
    session.add(row)
    return row


def allow_enrolment(session: Session, name: str, until: datetime) -> Account:
    """Let one passkey be enrolled by whoever signs in as this account before `until`. Raises NotFound."""
    row = known(session, name)
    row.enrol_until = until
    session.add(row)
    return row


def put_key(session: Session, name: str, public: bytes, counter: int) -> Account:
    """Take a person's new public key; the permission to enrol is used up. BadInput when somebody else has it."""
    row = known(session, name)
    _must_be_free(session, name, public)
    row.signing_public, row.sign_count, row.enrol_until = public, counter, None
    session.add(row)
    return row


def copy_noticed(session: Session, name: str, signature: bytes) -> bool:
    """Whether the counter in a passkey's signature went back, which says that a copy of it is in use; keeps the newest.

    Key files and passkeys that do not count, such as synced ones, say nothing. The signature must have been verified.
    """
    row = known(session, name)
    if kind_of(row.signing_public) != "passkey":
        return False
    from central.accounts.passkeys import counter_of  # noqa: PLC0415  (who only has key files loads no WebAuthn)

    before, now = row.sign_count, counter_of(signature)
    row.sign_count = max(before, now)
    session.add(row)
    return now <= before and (before, now) != (0, 0)


def account_of(session: Session, token: str, now: datetime) -> Account:
    """The account whose token this is, with the roles that it has now. NotSignedIn never says which part was wrong."""
    name, _, secret = token.partition(".")
    account = session.get(Account, name)
    expected = account.token_hash if account else bytes(32)
    fits = hmac.compare_digest(_hash(secret), expected)
    if account is None or not fits or not is_live(account, now):
        raise NotSignedIn("this token is not valid", hint="ask an administrator for a new one")
    if account.token_until is not None and now >= account.token_until:
        hint = "ask an administrator for a new one: cairn-central account token"
        raise NotSignedIn("this token has expired", hint=hint)
    return as_of(session, account, now)


def is_live(account: Account, now: datetime) -> bool:
    """Whether the account is active and its end has not come."""
    return account.active and (account.until is None or now < account.until)


def as_of(session: Session, account: Account, now: datetime) -> Account:
    """The account apart from the session, with only the roles that have not ended."""
    ended = _ended(session, now)
    session.expunge(account)
    account.roles = " ".join(role for role in account.roles.split() if (account.name, role) not in ended)
    return account


def accounts(session: Session, skip: int = 0, limit: int | None = None) -> list[Account]:
    return list(session.exec(select(Account).order_by(Account.name).offset(skip).limit(limit)).all())


def role_ends(session: Session) -> dict[tuple[str, str], datetime]:
    """By account and role: when it ends."""
    return {(row.account, row.role): row.until for row in session.exec(select(RoleEnd)).all()}


def people(session: Session, now: datetime) -> dict[str, Person]:
    """Active accounts with a key and a role, as those who check signatures know them."""
    ended = _ended(session, now)
    return {
        one.name: Person(
            frozenset(role for role in one.roles.split() if (one.name, role) not in ended),
            verifier(one.signing_public),
        )
        for one in accounts(session)
        if one.signing_public and is_live(one, now)
    }


def known(session: Session, name: str) -> Account:
    """Raises NotFound."""
    if (row := session.get(Account, name)) is None:
        hint = "see who has one with: cairn-central account list"
        raise NotFound(f"there is no account {name[:40]!r}", hint=hint)
    return row


def has_role(account: Account, role: Role) -> bool:
    return role.value in account.roles.split()


def require(account: Account, *roles: Role) -> None:
    """Raises NotAllowed unless the account has one of the roles."""
    if not any(has_role(account, role) for role in roles):
        raise NotAllowed(f"this needs the role {' or '.join(roles)}", hint="sign in with such an account")


def _must_be_free(session: Session, name: str, public: bytes) -> None:
    """Raises BadInput for what is no key, and for one that somebody else has, in whatever spelling."""
    if not public:
        return
    key = verifier(public)
    for other in session.exec(select(Account).where(Account.name != name, Account.signing_public != b"")):
        if verifier(other.signing_public) == key:
            hint = "make one with: cairn-central account key FILE"
            raise BadInput(f"{other.name} has this key already; each person holds their own", hint=hint)


def _ended(session: Session, now: datetime) -> set[tuple[str, str]]:
    rows = session.exec(select(RoleEnd.account, RoleEnd.role).where(col(RoleEnd.until) <= now)).all()
    return set(rows)


def _new_token(name: str) -> tuple[str, bytes]:
    secret = secrets.token_urlsafe(32)
    return f"{name}.{secret}", _hash(secret)


def _hash(secret: str) -> bytes:
    # 32 random bytes cannot be guessed, so a slow hash would only slow the honest.
    return sha256(secret.encode()).digest()
