"""Write the golden documents that people sign, once; an existing file is never changed, only added to.

Documents from before the first release that was used in the field need not be read, and are not here.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.consents.compact import Signed, to_text
from shared.releases import (
    Approval,
    CaseScope,
    ConsentReceipt,
    Release,
    digest_of,
    document_bytes,
    release_to_bytes,
    sign,
)

FILE = Path(__file__).parent / "golden_documents_v1.json"
TRACER, APPROVER = (Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (21, 22))
NOW = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)

SCOPE = CaseScope(
    case="case-17",
    purpose="kr-idcpa-76-2",
    opened_by="kim",
    start=NOW - 2 * DAY,
    end=NOW - timedelta(microseconds=1),
    cells=("cell-1", "cell-2"),
    consents=("face",),
    expires=NOW + 2 * DAY,
)
CONSENT = ConsentReceipt(
    receipt="0d3e1c5e-1111-4222-8333-944455556666",
    case="case-17",
    purpose="kr-idcpa-76-2",
    scopes=("face",),
    refused=("appearance",),
    given_at=NOW - HOUR,
    expires=NOW + 10 * DAY,
    signed_by="kim",
    controller="예시시 보건소",
    jurisdiction="KR",
    language="ko",
    notice="contact-tracing",
    notice_version="2026-11-25",
    notice_digest=sha256(b"a notice").digest(),
)
APPROVAL = Approval(
    case="case-17",
    approver="lee",
    scope=digest_of(SCOPE),
    consent=digest_of(CONSENT),
    template=sha256(b"a sealed template").digest(),
    photos=3,
    approved_at=NOW,
)
MANUAL = CaseScope("case-18", "consent-only", "kim", NOW - 2 * DAY, NOW, (), (), NOW + 7 * DAY)


def golden() -> dict[str, str]:
    """Documents, signatures and what is made of them, as hexadecimal text."""
    opener, witness = sign(SCOPE, "opener", TRACER), sign(CONSENT, "witness", TRACER)
    second = sign(APPROVAL, "approver", APPROVER)
    return {
        "scope": document_bytes(SCOPE).hex(),
        "manual_scope": document_bytes(MANUAL).hex(),
        "consent": document_bytes(CONSENT).hex(),
        "approval": document_bytes(APPROVAL).hex(),
        "opener_signature": opener.hex(),
        "witness_signature": witness.hex(),
        "approver_signature": second.hex(),
        "release": release_to_bytes(Release(SCOPE, CONSENT, APPROVAL, opener, second, witness)).hex(),
        "qr": to_text(Signed(document_bytes(CONSENT), witness)).encode().hex(),
    }


if __name__ == "__main__":
    if FILE.exists():
        raise SystemExit(f"{FILE} exists. Golden documents do not change: another form gets a file of its own.")
    FILE.write_text(json.dumps(golden(), indent=1) + "\n")
