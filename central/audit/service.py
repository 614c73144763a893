"""The centre's audit log: append to it, read it, and check that nobody edited it."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from central.audit.checking import check
from central.audit.log import MerkleLog
from central.audit.published import Tables
from central.audit.tables import AuditCheckpoint, AuditEntry, AuditNode, AuditWitness

LOG = MerkleLog(AuditEntry, AuditNode)
PUBLISHED = Tables(LOG, AuditCheckpoint, AuditWitness)


def record(session: Session, now: datetime, account: str, action: str, case: str = "", detail: str = "") -> None:
    """Append one act and commit it with the rest of the session's work. `detail` never holds personal data.

    `session` must come from central.database.writing, so that no two take the same number.
    """
    LOG.append(session, now, account, action, case, detail)
    session.commit()


def entries(session: Session, case: str | None, after: int, limit: int) -> list[AuditEntry]:
    """Entries with a greater id than `after`, oldest first, of one case or of all."""
    return LOG.entries(session, case, after, limit)


def adopt(session: Session) -> int:
    """Give the entries of the older chain their place in the tree, and commit; returns the log's size.

    The first `record` does the same by itself: a migration only has to drop `chain`, add `salt` and `commitment`,
    both nullable, and make the table of nodes.
    """
    LOG.lock(session)
    size = LOG.adopt(session)
    session.commit()
    return size


def first_broken(session: Session) -> int | None:
    """The id of the first entry that was edited, is missing or moved; None when none is."""
    return check(LOG, session).wrong
