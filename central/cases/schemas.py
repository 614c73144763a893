"""What travels about a case over HTTP. Times carry their zone; signatures and documents are base64."""

from __future__ import annotations

import base64
from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from central.answers import Base64, Name
from central.cases.service import State, scope_of
from central.cases.tables import Case
from shared.releases import CaseScope, ConsentReceipt, approval_from_bytes, consent_from_bytes


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OpenCase(_Strict):
    """The scope of a case, field by field as it was signed, and the opener's signature of it."""

    case: Name
    purpose: str = Field(min_length=1, max_length=500, description="the one legal basis")
    opened_by: Name
    start: AwareDatetime
    end: AwareDatetime
    cells: list[Name] = Field(min_length=1, max_length=20_000)
    consents: list[Name] = Field(min_length=1, max_length=8, description="face, appearance")
    expires: AwareDatetime
    opener_signature: Base64

    def scope(self) -> CaseScope:
        """The document that was signed; its bytes are the same as the signer's."""
        return CaseScope(
            case=self.case,
            purpose=self.purpose,
            opened_by=self.opened_by,
            start=self.start,
            end=self.end,
            cells=tuple(self.cells),
            consents=tuple(self.consents),
            expires=self.expires,
        )


class TakeConsent(_Strict):
    """The patient's consent as its witness signed it."""

    receipt: str = Field(min_length=1, max_length=100)
    scopes: list[Name] = Field(min_length=1, max_length=8)
    given_at: AwareDatetime
    expires: AwareDatetime
    signed_by: Name
    witness_signature: Base64

    def consent(self, case: str) -> ConsentReceipt:
        return ConsentReceipt(
            receipt=self.receipt,
            case=case,
            scopes=tuple(self.scopes),
            given_at=self.given_at,
            expires=self.expires,
            signed_by=self.signed_by,
        )


class Approve(_Strict):
    """The approver's signature of the Approval of `documents` and `template`, dated `approved_at`."""

    approved_at: AwareDatetime
    approver_signature: Base64


class Consent(BaseModel):
    receipt: str
    scopes: list[str]
    given_at: datetime
    expires: datetime
    signed_by: str


class Documents(BaseModel):
    """The exact bytes that people sign: canonical CBOR, base64."""

    scope: str
    consent: str | None
    approval: str | None


class CaseOut(BaseModel):
    """A case in words, and the documents themselves. `untold` names who has not yet heard that it ended."""

    case: str
    state: State
    purpose: str
    opened_by: str
    opened_at: datetime
    start: datetime
    end: datetime
    cells: list[str]
    consents: list[str]
    expires: datetime
    consent: Consent | None
    registered: bool
    template: str | None = Field(description="SHA-256 of the sealed template, hexadecimal")
    photos: int
    approver: str | None
    approved_at: datetime | None
    ended_at: datetime | None
    untold: list[str]
    documents: Documents


class CaseLine(BaseModel):
    """A case in a list."""

    case: str
    state: State
    opened_by: str
    opened_at: datetime
    expires: datetime
    consented: bool
    registered: bool


class Ended(BaseModel):
    """How a case ended, and who has not heard of it yet."""

    case: str
    state: State
    untold: list[str]


def case_out(row: Case) -> CaseOut:
    scope = scope_of(row)
    receipt = consent_from_bytes(row.consent) if row.consent else None
    approval = approval_from_bytes(row.approval) if row.approval else None
    return CaseOut(
        case=row.case,
        state=State(row.state),
        purpose=scope.purpose,
        opened_by=row.opened_by,
        opened_at=row.opened_at,
        start=scope.start,
        end=scope.end,
        cells=list(scope.cells),
        consents=list(scope.consents),
        expires=scope.expires,
        consent=Consent(**{name: getattr(receipt, name) for name in Consent.model_fields}) if receipt else None,
        registered=row.registered_at is not None,
        template=row.template.hex() if row.template else None,
        photos=row.photos,
        approver=approval.approver if approval else None,
        approved_at=approval.approved_at if approval else None,
        ended_at=row.ended_at,
        untold=row.untold.split(),
        documents=Documents(scope=_text(row.scope), consent=_maybe(row.consent), approval=_maybe(row.approval)),
    )


def case_line(row: Case) -> CaseLine:
    return CaseLine(
        case=row.case,
        state=State(row.state),
        opened_by=row.opened_by,
        opened_at=row.opened_at,
        expires=row.expires,
        consented=row.consent is not None,
        registered=row.registered_at is not None,
    )


def _maybe(raw: bytes | None) -> str | None:
    return _text(raw) if raw else None


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
