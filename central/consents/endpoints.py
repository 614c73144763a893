"""What a patient is told, and the receipt of their answer: JSON after ISO/IEC TS 27560, paper, and a QR code."""

from __future__ import annotations

import json
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from central.accounts.endpoints import SIGNED_IN, At, Tracer, TracerOrApprover
from central.accounts.tables import Account
from central.answers import Name, refusals
from central.audit.service import record
from central.cases.access import own_case
from central.cases.bases import basis_from, basis_to_map
from central.centre import Centre
from central.consents.compact import Signed
from central.consents.copy_pdf import Copy, copy_pdf
from central.consents.iso import Withdrawal, receipt_json
from central.consents.notices import read_notice
from central.consents.qr import qr_svg
from central.consents.records import record_of
from central.database import writing
from central.errors import NotFound
from central.reports.map_words import Language

router = APIRouter(tags=["consents"])
_READ = (*SIGNED_IN, NotFound)


class TermsOut(BaseModel):
    """The notice, and the legal bases that a case may have today."""

    notice: dict[str, Any]
    digests: dict[str, str] = Field(description="by legal basis: SHA-256 of notice and basis, which a receipt holds")
    legal_bases: list[dict[str, Any]]


@router.get("/terms", summary="What a patient is told, and by which law", responses=refusals(*SIGNED_IN))
def show_terms(centre: At, _account: TracerOrApprover) -> TermsOut:
    today = centre.clock.now().date()
    notice, bases = centre.terms.notice, [one for one in centre.terms.bases.values() if one.in_force(today)]
    digests = {basis.name: notice.digest(basis).hex() for basis in bases}
    return TermsOut(notice=dict(notice.document), digests=digests, legal_bases=[basis_to_map(one) for one in bases])


@router.get("/cases/{case}/consent.json", summary="The consent receipt for machines", responses=refusals(*_READ))
def consent_json(case: Name, centre: At, account: Tracer) -> dict[str, Any]:
    """After ISO/IEC TS 27560:2023, with the exact bytes that the witness signed; readable after the end of the case."""
    found = _read(centre, account, case, "read consent")
    return receipt_json(found.signed, found.notice, found.basis, found.withdrawal)


@router.get(
    "/cases/{case}/consent.pdf", summary="The patient's copy", responses=refusals(*_READ), response_class=Response
)
def consent_pdf(case: Name, centre: At, account: Tracer, language: Language | None = None) -> Response:
    """On paper, in the language in which the patient was asked, or in another."""
    found = _read(centre, account, case, "read consent paper")
    return Response(copy_pdf(found, language or found.receipt.language), media_type="application/pdf")


@router.get(
    "/cases/{case}/consent.svg", summary="The receipt as a QR code", responses=refusals(*_READ), response_class=Response
)
def consent_svg(case: Name, centre: At, account: Tracer) -> Response:
    """It holds the signed receipt itself; `cairn-central consent verify` checks what a phone reads from it."""
    return Response(qr_svg(_read(centre, account, case, "read consent").signed), media_type="image/svg+xml")


def _read(centre: Centre, account: Account, case: str, action: str) -> Copy:
    """The receipt, as soon as the reading stands in the audit log."""
    now = centre.clock.now()
    with writing(centre.engine) as session:
        own_case(session, account, case, now)
        kept = record_of(session, case)
        back = Withdrawal(tuple(kept.withdrawn.split()), kept.ended_at, kept.ended_by) if kept.ended_at else None
        signed = Signed(kept.document, kept.signature)
        notice, basis = read_notice(json.loads(kept.notice)), basis_from(json.loads(kept.basis))
        record(session, now, account.name, action, case)
        return Copy(signed, notice, basis, centre.zone, back)
