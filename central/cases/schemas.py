"""What travels about a case over HTTP. Times carry their zone; signatures and documents are base64."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from central.answers import Base64, Name
from central.cases.service import State, scope_of
from central.cases.tables import Case, CaseGrant
from shared.releases import CaseScope, ConsentReceipt, approval_from_bytes, consent_from_bytes


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class OpenCase(_Strict):
    """The scope of a case, field by field as it was signed, and the opener's signature of it.

    Without cells and consents it is a manual case: kept by hand, never searched.
    """

    case: Name
    purpose: str = Field(min_length=1, max_length=63, description="the one legal basis, by its name; see /terms")
    opened_by: Name
    start: AwareDatetime
    end: AwareDatetime
    cells: list[Name] = Field(max_length=20_000)
    consents: list[Name] = Field(max_length=8, description="face, appearance")
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
    """What the patient agreed to and refused, on which notice, as their witness signed it."""

    receipt: Name
    purpose: Name
    scopes: list[Name] = Field(max_length=8, description="given")
    refused: list[Name] = Field(max_length=8)
    given_at: AwareDatetime
    expires: AwareDatetime
    signed_by: Name
    controller: str = Field(min_length=1, max_length=120)
    jurisdiction: str = Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,3})?$")
    language: str = Field(pattern=r"^[a-z]{2}$")
    notice: Name
    notice_version: Name
    notice_digest: Base64
    witness_signature: Base64

    def consent(self, case: str) -> ConsentReceipt:
        """The document that was signed."""
        signed: dict[str, Any] = self.model_dump(exclude={"witness_signature"})
        signed |= {"scopes": tuple(self.scopes), "refused": tuple(self.refused)}
        return ConsentReceipt(**{**signed, "case": case, "notice_digest": base64.b64decode(self.notice_digest)})


class Approve(_Strict):
    """The approver's signature of the Approval of `documents` and `template`, dated `approved_at`."""

    approved_at: AwareDatetime
    approver_signature: Base64


class Share(_Strict):
    """Until when another tracer may work on the case."""

    until: AwareDatetime


class Shared(BaseModel):
    """`revoked_at` says that it was taken back before its time."""

    account: str
    until: datetime
    given_by: str
    given_at: datetime
    revoked_at: datetime | None


class Consent(BaseModel):
    receipt: str
    scopes: list[str]
    refused: list[str]
    given_at: datetime
    expires: datetime
    signed_by: str
    language: str
    notice: str
    notice_version: str


class Documents(BaseModel):
    """The exact bytes that people sign: canonical CBOR, base64."""

    scope: str
    consent: str | None
    approval: str | None


class CaseOut(BaseModel):
    """A case in words, and the documents themselves. `untold` names who has not yet heard that it ended.

    `purpose` is the legal basis by its name; `withdrawn` are the scopes that the patient took back; `ended_by` is the
    role of whoever ended the case; `yours` says whether you work on it.
    """

    case: str
    state: State
    purpose: str
    manual: bool
    yours: bool
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
    ended_by: str
    withdrawn: list[str]
    untold: list[str]
    shared_with: list[Shared]
    documents: Documents


class CaseLine(BaseModel):
    """A case in a list: a withdrawal is seen here at once, with its time and the role of whoever took it down."""

    case: str
    state: State
    purpose: str
    opened_by: str
    opened_at: datetime
    expires: datetime
    consented: bool
    registered: bool
    ended_at: datetime | None
    ended_by: str
    withdrawn: list[str]


class Ended(BaseModel):
    """How a case ended, which scopes the patient took back, and who has not heard of it yet."""

    case: str
    state: State
    withdrawn: list[str]
    untold: list[str]


def case_out(row: Case, grants: Sequence[CaseGrant] = (), *, yours: bool = True) -> CaseOut:
    scope = scope_of(row)
    receipt = consent_from_bytes(row.consent) if row.consent else None
    approval = approval_from_bytes(row.approval) if row.approval else None
    return CaseOut(
        case=row.case,
        state=State(row.state),
        purpose=scope.purpose,
        manual=row.manual,
        yours=yours,
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
        ended_by=row.ended_by,
        withdrawn=row.withdrawn.split(),
        untold=row.untold.split(),
        shared_with=[shared(grant) for grant in grants],
        documents=Documents(scope=_text(row.scope), consent=_maybe(row.consent), approval=_maybe(row.approval)),
    )


def shared(grant: CaseGrant) -> Shared:
    return Shared(**{name: getattr(grant, name) for name in Shared.model_fields})


def case_line(row: Case) -> CaseLine:
    return CaseLine(
        case=row.case,
        state=State(row.state),
        purpose=row.purpose,
        opened_by=row.opened_by,
        opened_at=row.opened_at,
        expires=row.expires,
        consented=row.consent is not None,
        registered=row.registered_at is not None,
        ended_at=row.ended_at,
        ended_by=row.ended_by,
        withdrawn=row.withdrawn.split(),
    )


def _maybe(raw: bytes | None) -> str | None:
    return _text(raw) if raw else None


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
