"""A case as the centre keeps it: the documents exactly as people signed them, and what has become of it."""

from __future__ import annotations

import datetime as dt
import secrets

from sqlalchemy import Index
from sqlmodel import Field

from central.database import CentreTable, UtcTime


class Case(CentreTable, table=True):
    """`scope`, `consent` and `approval` are document_bytes, `template` is SHA-256 of the template as it was sealed.

    `purpose` is the legal basis by its name. `withdrawn` names the scopes that the patient took back, `untold` who has
    not heard of the end yet, each parted by spaces; `ended_by` is the role of whoever ended the case.
    """

    __table_args__ = (
        # Pages list the newest first, all of them or one's own.
        Index("ix_case_newest", "opened_at", "case"),
        Index("ix_case_own", "opened_by", "opened_at", "case"),
    )

    case: str = Field(primary_key=True)
    state: str = Field(index=True)
    opened_by: str
    opened_at: dt.datetime = Field(sa_type=UtcTime)
    expires: dt.datetime = Field(sa_type=UtcTime)
    purpose: str = ""
    manual: bool = False
    scope: bytes
    opener_signature: bytes
    consent: bytes | None = None
    consent_signature: bytes | None = None
    consent_expires: dt.datetime | None = Field(default=None, sa_type=UtcTime)
    registered_at: dt.datetime | None = Field(default=None, sa_type=UtcTime)
    template: bytes | None = None
    photos: int = 0
    template_model: str = ""
    masked_template: bool = False
    template_appearance: str = ""
    approval: bytes | None = None
    approver_signature: bytes | None = None
    ended_at: dt.datetime | None = Field(default=None, sa_type=UtcTime, index=True)
    ended_by: str = ""
    withdrawn: str = ""
    untold: str = Field(default="", index=True)
    # People whom the patient met keep their pseudonyms from search to search; erased when the case is withdrawn.
    pseudonym_key: bytes | None = Field(default_factory=lambda: secrets.token_bytes(32), repr=False)


class CaseGrant(CentreTable, table=True):
    """Another tracer's way into one case, until a moment; whoever opened the case gave it, and may take it back."""

    case: str = Field(primary_key=True)
    account: str = Field(primary_key=True)
    until: dt.datetime = Field(sa_type=UtcTime)
    given_by: str
    given_at: dt.datetime = Field(sa_type=UtcTime)
    revoked_at: dt.datetime | None = Field(default=None, sa_type=UtcTime)
