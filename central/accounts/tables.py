"""Accounts of the centre."""

from __future__ import annotations

from sqlmodel import Field

from central.database import CentreTable


class Account(CentreTable, table=True):
    """A person: roles parted by spaces, SHA-256 of the token, and the raw Ed25519 key that only the person holds."""

    name: str = Field(primary_key=True)
    roles: str
    token_hash: bytes
    signing_public: bytes
    active: bool = True
