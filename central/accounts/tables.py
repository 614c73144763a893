"""Accounts of the centre."""

from __future__ import annotations

import datetime as dt

from sqlmodel import Field

from central.database import CentreTable, UtcTime


class Account(CentreTable, table=True):
    """A person: roles parted by spaces, SHA-256 of the token, and the public half of the key that only they hold.

    `signing_public` is what central.signers.verifier reads; empty while there is no key yet. A time that is None is no
    end, but for `enrol_until`, until when a passkey may be enrolled in place of the key: None is never.
    """

    name: str = Field(primary_key=True)
    roles: str
    token_hash: bytes
    signing_public: bytes
    active: bool = True
    until: dt.datetime | None = Field(default=None, sa_type=UtcTime)
    token_until: dt.datetime | None = Field(default=None, sa_type=UtcTime)
    enrol_until: dt.datetime | None = Field(default=None, sa_type=UtcTime)
    sign_count: int = 0  # what the passkey's own counter last stood at


class RoleEnd(CentreTable, table=True):
    """When an account's role ends by itself; a role without a row here lasts as long as the account."""

    account: str = Field(primary_key=True)
    role: str = Field(primary_key=True)
    until: dt.datetime = Field(sa_type=UtcTime)
