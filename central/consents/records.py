"""Keep receipts, and what became of them, until the day on which their time as evidence is over."""

from __future__ import annotations

import json
from datetime import datetime, timedelta

from sqlmodel import Session, col, delete, select
from sqlmodel.sql.expression import SelectOfScalar

from central.cases.bases import basis_to_map
from central.consents.tables import ConsentRecord
from central.consents.terms import Terms
from central.errors import NotFound, WrongState
from shared.releases import ConsentReceipt, document_bytes


def keep_record(session: Session, receipt: ConsentReceipt, signature: bytes, terms: Terms, now: datetime) -> None:
    """Enter a receipt whose signature is checked; an earlier one of the case is replaced and kept.

    Raises NoticeRefused, BasisRefused, and WrongState for a number that was used before.
    """
    basis = terms.check(receipt)
    if session.get(ConsentRecord, receipt.receipt) is not None:
        raise WrongState("this receipt was handed in before", hint="give the new one a number of its own")
    for earlier in session.exec(_of_case(receipt.case).where(col(ConsentRecord.replaced_at).is_(None))):
        earlier.replaced_at = now
        session.add(earlier)
    session.add(
        ConsentRecord(
            receipt=receipt.receipt,
            case=receipt.case,
            document=document_bytes(receipt),
            signature=signature,
            notice=json.dumps(terms.notice.document, ensure_ascii=False),
            basis=json.dumps(basis_to_map(basis), ensure_ascii=False),
            taken_at=now,
            keep_until=receipt.expires + timedelta(days=basis.evidence_days),
        )
    )


def mark_ended(session: Session, case: str, withdrawn: str, now: datetime, by: str) -> None:
    """Note on the case's receipt which scopes were taken back."""
    for record in session.exec(_of_case(case).where(col(ConsentRecord.replaced_at).is_(None))):
        record.withdrawn, record.ended_at, record.ended_by = withdrawn, now, by
        session.add(record)


def record_of(session: Session, case: str) -> ConsentRecord:
    """The receipt that stands for the case. NotFound before the patient was asked."""
    found = session.exec(_of_case(case).where(col(ConsentRecord.replaced_at).is_(None))).first()
    if found is None:
        hint = "take the patient's answer down with: cairn-central case consent"
        raise NotFound("there is no consent for this case", hint=hint)
    return found


def forget_records(session: Session, now: datetime) -> int:
    """Retention: forget receipts whose time as evidence is over; returns how many. The caller commits."""
    gone = delete(ConsentRecord).where(col(ConsentRecord.keep_until) <= now)
    return int(session.execute(gone).rowcount)  # type: ignore[attr-defined]


def _of_case(case: str) -> SelectOfScalar[ConsentRecord]:
    return select(ConsentRecord).where(ConsentRecord.case == case)
