"""Append to the audit log, and check that nobody edited it. Signed checkpoints and proofs come with the fuller log."""

from __future__ import annotations

import hmac
import threading
from datetime import datetime
from hashlib import sha256

from sqlmodel import Session, col, select

from central.audit.tables import AuditEntry
from shared.wire import pack

_LEAF = b"\x00"  # RFC 9162 tells leaves from nodes by this first byte
_one_at_a_time = threading.Lock()


def record(session: Session, now: datetime, account: str, action: str, case: str = "", detail: str = "") -> None:
    """Append one act and commit it with the rest of the session's work. `detail` never holds personal data."""
    with _one_at_a_time:
        last = session.exec(select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(1)).first()
        chain = _chain(last.chain if last else bytes(32), now, account, action, case, detail)
        session.add(AuditEntry(at=now, account=account, action=action, case=case, detail=detail, chain=chain))
        session.commit()


def first_broken(session: Session) -> int | None:
    """The id of the first entry that does not follow from the one before; None when all do."""
    before = bytes(32)
    for entry in session.exec(select(AuditEntry).order_by(col(AuditEntry.id))):
        chain = _chain(before, entry.at, entry.account, entry.action, entry.case, entry.detail)
        if not hmac.compare_digest(chain, entry.chain):
            return entry.id
        before = chain
    return None


def _chain(before: bytes, at: datetime, *fields: str) -> bytes:
    return sha256(_LEAF + before + pack([at.isoformat(), *fields])).digest()
