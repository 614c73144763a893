"""Releases: each rule that an authority checks, broken one at a time."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import BadRelease, ReleaseRefused
from shared.releases import (
    Approval,
    CaseScope,
    ConsentReceipt,
    Person,
    Release,
    check_release,
    digest_of,
    release_from_bytes,
    release_to_bytes,
    sign,
)

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TRACER, APPROVER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
PEOPLE = {
    "tracer-kim": Person(frozenset({"tracer", "approver"}), TRACER.public_key()),
    "approver-lee": Person(frozenset({"approver"}), APPROVER.public_key()),
}
SCOPE = CaseScope("case-1", "IDCPA article 76-2", "tracer-kim", NOW - 2 * DAY, NOW, ("cell-1",), ("face",), NOW + DAY)
CONSENT = ConsentReceipt("receipt-1", "case-1", ("face", "appearance"), NOW - DAY, NOW + DAY, "tracer-kim")

OTHER = dataclasses.replace(SCOPE, cells=("cell-1", "cell-2"))
LONGER = dataclasses.replace(CONSENT, expires=NOW + 2 * DAY)


def release(
    scope: CaseScope = SCOPE, consent: ConsentReceipt = CONSENT, approver: str = "approver-lee", **changes: object
) -> Release:
    second = TRACER if approver == "tracer-kim" else APPROVER
    approval = Approval("case-1", approver, digest_of(scope), digest_of(consent), bytes(32), 2, NOW)
    approval = dataclasses.replace(approval, **changes)  # type: ignore[arg-type]
    signatures = (sign(scope, "opener", TRACER), sign(approval, "approver", second), sign(consent, "witness", TRACER))
    return Release(scope, consent, approval, *signatures)


def test_a_proper_release_passes_and_survives_the_wire() -> None:
    """Two people, a live consent and a narrow scope are enough."""
    check_release(release_from_bytes(release_to_bytes(release())), PEOPLE, NOW)


BROKEN = {
    "approved by its opener": release(approver="tracer-kim"),
    "consent of another case": release(consent=dataclasses.replace(CONSENT, case="case-2")),
    "consent expired": release(consent=dataclasses.replace(CONSENT, expires=NOW)),
    "consent not yet given": release(consent=dataclasses.replace(CONSENT, given_at=NOW + DAY)),
    "scope not consented": release(consent=dataclasses.replace(CONSENT, scopes=("appearance",))),
    "no legal basis": release(dataclasses.replace(SCOPE, purpose=" ")),
    "no cells": release(dataclasses.replace(SCOPE, cells=())),
    "window too long": release(dataclasses.replace(SCOPE, start=NOW - 20 * DAY)),
    "window in the future": release(dataclasses.replace(SCOPE, end=NOW + 2 * DAY)),
    "window reversed": release(dataclasses.replace(SCOPE, start=NOW, end=NOW - DAY)),
    "approval expired": release(dataclasses.replace(SCOPE, expires=NOW)),
    "approval of another case": release(case="case-2"),
    "approval of no template": release(template=b""),
    "approval of a template from six photos": release(photos=6),
    "approval of a template from minus one photo": release(photos=-1),
    "approval from tomorrow": release(approved_at=NOW + DAY),
    "approval that lasts a month": release(dataclasses.replace(SCOPE, expires=NOW + 30 * DAY)),
    "another scope than was approved": dataclasses.replace(
        release(OTHER), approval=release().approval, approver_signature=release().approver_signature
    ),
    "another consent than was approved": dataclasses.replace(
        release(consent=LONGER), approval=release().approval, approver_signature=release().approver_signature
    ),
    "approval changed after signing": dataclasses.replace(release(), approval=release(photos=3).approval),
    "unknown approver": release(approver="approver-nobody"),
    "scope changed after signing": dataclasses.replace(release(), scope=dataclasses.replace(SCOPE, cells=("cell-9",))),
    "signatures swapped": dataclasses.replace(
        release(), opener_signature=release().approver_signature, approver_signature=release().opener_signature
    ),
    "one signature missing": dataclasses.replace(release(), approver_signature=b""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_release_is_refused(name: str) -> None:
    """Each broken rule alone is enough for a refusal that says what to do."""
    with pytest.raises(ReleaseRefused) as refusal:
        check_release(BROKEN[name], PEOPLE, NOW)
    assert refusal.value.hint


@given(st.binary(max_size=200))
def test_garbage_is_no_release(raw: bytes) -> None:
    """Any bytes give BadRelease and no other exception."""
    with pytest.raises(BadRelease):
        release_from_bytes(raw)
