"""Canaries, what came of trying them, and the authorities' statements as they were published."""

from __future__ import annotations

import datetime as dt

from sqlmodel import Field

from central.database import CentreTable, UtcTime


class Canary(CentreTable, table=True):
    """A day's sealed batch of the reserved cell; `digest` is SHA-256 of the one code in it. Never deleted."""

    day: dt.date = Field(primary_key=True)
    sealed: bytes
    digest: bytes
    sealed_at: dt.datetime = Field(sa_type=UtcTime)


class CanaryTrial(CentreTable, table=True):
    """What came of trying one canary: `opened`, and `alarm` when that is not as it must be, or empty."""

    id: int | None = Field(default=None, primary_key=True)
    day: dt.date = Field(index=True)
    at: dt.datetime = Field(sa_type=UtcTime)
    account: str
    opened: bool
    destroyed_by: str = ""
    alarm: str = ""
    away: str = ""


class KeptStatement(CentreTable, table=True):
    """An authority's signed statement that a day's secret is destroyed, as it was when it was first published."""

    authority: str = Field(primary_key=True)
    day: dt.date = Field(primary_key=True)
    destroyed_at: dt.datetime = Field(sa_type=UtcTime)
    signature: bytes
    seen_at: dt.datetime = Field(sa_type=UtcTime)


class AuthorityKey(CentreTable, table=True):
    """The key that an authority's statements are verified with, as it was when it was first asked."""

    authority: str = Field(primary_key=True)
    public_key: bytes
    seen_at: dt.datetime = Field(sa_type=UtcTime)
