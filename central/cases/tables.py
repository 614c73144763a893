"""A case as the centre keeps it: the documents exactly as people signed them, and what has become of it."""

from __future__ import annotations

import datetime as dt
import secrets

from sqlmodel import Field

from central.database import CentreTable, UtcTime


class Case(CentreTable, table=True):
    """`scope`, `consent` and `approval` are document_bytes, `template` is SHA-256 of the template as it was sealed.

    `untold` names, parted by spaces, who has not heard of the end yet.
    """

    case: str = Field(primary_key=True)
    state: str = Field(index=True)
    opened_by: str = Field(index=True)
    opened_at: dt.datetime = Field(sa_type=UtcTime, index=True)
    expires: dt.datetime = Field(sa_type=UtcTime)
    scope: bytes
    opener_signature: bytes
    consent: bytes | None = None
    consent_signature: bytes | None = None
    registered_at: dt.datetime | None = Field(default=None, sa_type=UtcTime)
    template: bytes | None = None
    photos: int = 0
    template_model: str = ""
    masked_template: bool = False
    approval: bytes | None = None
    approver_signature: bytes | None = None
    ended_at: dt.datetime | None = Field(default=None, sa_type=UtcTime)
    untold: str = ""
    # People whom the patient met keep their pseudonyms from search to search; erased when the case is withdrawn.
    pseudonym_key: bytes | None = Field(default_factory=lambda: secrets.token_bytes(32), repr=False)
