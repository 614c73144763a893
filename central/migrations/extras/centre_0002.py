"""Beside revision 0002: what the first version's consents and approvals were, and what they no longer are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from alembic import op

from shared.errors import BadRelease
from shared.wire import unpack

_EVIDENCE = timedelta(days=1095)  # as the legal bases that ship say; the first version knew none
_CASES = sa.table(
    "case",
    *(sa.column(name) for name in ("case", "state", "consent", "consent_signature")),
    sa.column("opened_at", sa.DateTime()),
    sa.column("registered_at", sa.DateTime()),
)
_RECORDS = sa.table(
    "consentrecord",
    *(sa.column(name) for name in ("receipt", "case", "document", "signature", "notice", "basis")),
    *(sa.column(name, sa.DateTime()) for name in ("taken_at", "keep_until", "replaced_at")),
    *(sa.column(name) for name in ("withdrawn", "ended_by")),
)


def before() -> None:
    """Nothing."""


def move() -> None:
    """A consent of the first version names no notice, and its approver signed the scope alone: no authority accepts
    either any more. Receipts stay as evidence; a case that lived is open again, until its time is over."""
    connection = op.get_bind()
    for row in connection.execute(sa.select(_CASES).where(_CASES.c.consent.is_not(None))).mappings().all():
        connection.execute(_RECORDS.insert().values(_record(row)))
    connection.execute(_CASES.update().values(consent=None, consent_signature=None))
    approved = _CASES.update().where(_CASES.c.state == "approved")
    connection.execute(approved.values(state="open", registered_at=None))


def after() -> None:
    """Nothing."""


def _record(row: Any) -> dict[str, Any]:
    taken, document = row["opened_at"], bytes(row["consent"])
    try:
        _, receipt = unpack(document, BadRelease, "a receipt")
        expires = datetime.fromisoformat(receipt["expires"]).astimezone(UTC).replace(tzinfo=None)
    except (BadRelease, TypeError, ValueError, KeyError):
        expires = taken
    return {
        "receipt": f"old-{row['case']}", "case": row["case"], "document": document,
        "signature": bytes(row["consent_signature"] or b""), "notice": "{}", "basis": "{}",
        "taken_at": taken, "keep_until": expires + _EVIDENCE, "replaced_at": taken, "withdrawn": "", "ended_by": "",
    }  # fmt: skip
