"""Append to the audit log, and check that nobody edited it. Signed checkpoints and proofs come with the fuller log."""

from __future__ import annotations

import hmac
from datetime import datetime
from hashlib import sha256

from sqlmodel import Session, col, select, text

from central.audit.tables import AuditEntry
from shared.wire import pack

_LEAF = b"\x00"  # RFC 9162 tells leaves from nodes by this first byte


def record(session: Session, now: datetime, account: str, action: str, case: str = "", detail: str = "") -> None:
    """Append one act and commit it with the rest of the session's work. `detail` never holds personal data.

    `session` must come from central.database.writing: two that follow the same entry would break the chain.
    """
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("LOCK TABLE auditentry IN SHARE ROW EXCLUSIVE MODE"))
    last = session.exec(select(AuditEntry).order_by(col(AuditEntry.id).desc()).limit(1)).first()
    chain = _chain(last.chain if last else bytes(32), now, account, action, case, detail)
    session.add(AuditEntry(at=now, account=account, action=action, case=case, detail=detail, chain=chain))
    session.commit()


def entries(session: Session, case: str | None, after: int, limit: int) -> list[AuditEntry]:
    """Entries with a greater id than `after`, oldest first, of one case or of all."""
    query = select(AuditEntry).where(col(AuditEntry.id) > after).order_by(col(AuditEntry.id)).limit(limit)
    if case is not None:
        query = query.where(AuditEntry.case == case)
    return list(session.exec(query).all())


def first_broken(session: Session) -> int | None:
    """The id of the first entry that does not follow from the one before; None when all do."""
    before = bytes(32)
    for entry in session.exec(select(AuditEntry).order_by(col(AuditEntry.id)).execution_options(yield_per=1000)):
        chain = _chain(before, entry.at, entry.account, entry.action, entry.case, entry.detail)
        if not hmac.compare_digest(chain, entry.chain):
            return entry.id
        before = chain
    return None


def _chain(before: bytes, at: datetime, *fields: str) -> bytes:
    return sha256(_LEAF + before + pack([at.isoformat(), *fields])).digest()
