"""Golden documents: what people signed with an older version is the same document today, and still verifies."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from central.consents.compact import from_text
from shared.releases import (
    Person,
    approval_from_bytes,
    check_release,
    consent_from_bytes,
    release_from_bytes,
    scope_from_bytes,
)
from tests.wire.make_documents import APPROVAL, APPROVER, CONSENT, FILE, MANUAL, NOW, SCOPE, TRACER, golden

KEPT: dict[str, bytes] = {name: bytes.fromhex(text) for name, text in json.loads(FILE.read_text()).items()}


@pytest.mark.parametrize("name", [name for name in KEPT if name != "qr"])
def test_documents_are_made_bit_for_bit_as_before(name: str) -> None:
    """The same fields give the recorded bytes: otherwise yesterday's signatures would be worth nothing."""
    assert bytes.fromhex(golden()[name]) == KEPT[name]


def test_old_documents_are_read_as_what_they_were() -> None:
    """Every field comes back, times to the microsecond and names in their own letters."""
    assert scope_from_bytes(KEPT["scope"]) == SCOPE
    assert scope_from_bytes(KEPT["manual_scope"]) == MANUAL
    assert consent_from_bytes(KEPT["consent"]) == CONSENT
    assert approval_from_bytes(KEPT["approval"]) == APPROVAL


def test_an_old_release_still_verifies() -> None:
    """With the keys of its people, at the time for which it was signed."""
    people = {
        "kim": Person(frozenset({"tracer"}), TRACER.public_key()),
        "lee": Person(frozenset({"approver"}), APPROVER.public_key()),
    }
    check_release(release_from_bytes(KEPT["release"]), people, NOW + timedelta(minutes=1))


def test_an_old_qr_code_still_holds_its_receipt() -> None:
    """Compression may differ between versions of a library; what is inside does not."""
    signed = from_text(KEPT["qr"].decode())
    assert signed.document == KEPT["consent"]
    assert signed.signature == KEPT["witness_signature"]
