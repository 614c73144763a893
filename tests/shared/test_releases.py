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
    approval_from_bytes,
    check_release,
    consent_from_bytes,
    digest_of,
    document_bytes,
    release_from_bytes,
    release_to_bytes,
    scope_from_bytes,
    sign,
)
from shared.wire import pack, unpack

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
TRACER, APPROVER = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
PEOPLE = {
    "tracer-kim": Person(frozenset({"tracer", "approver"}), TRACER.public_key()),
    "approver-lee": Person(frozenset({"approver"}), APPROVER.public_key()),
}
SCOPE = CaseScope("case-1", "kr-idcpa-76-2", "tracer-kim", NOW - 2 * DAY, NOW, ("cell-1",), ("face",), NOW + DAY)
CONSENT = ConsentReceipt(
    receipt="receipt-1",
    case="case-1",
    purpose="kr-idcpa-76-2",
    scopes=("face", "appearance"),
    refused=(),
    given_at=NOW - DAY,
    expires=NOW + DAY,
    signed_by="tracer-kim",
    controller="Public Health Centre",
    jurisdiction="KR",
    language="ko",
    notice="contact-tracing",
    notice_version="2026-11-25",
    notice_digest=bytes(range(32)),
)

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
    "consent from tomorrow's clock": release(consent=dataclasses.replace(CONSENT, given_at=NOW + 10 * MINUTE)),
    "consent for two months": release(consent=dataclasses.replace(CONSENT, expires=NOW + 60 * DAY)),
    "consent for a hundred years": release(consent=dataclasses.replace(CONSENT, expires=NOW + 36_525 * DAY)),
    "consent under another law": release(consent=dataclasses.replace(CONSENT, purpose="consent-only")),
    "scope refused": release(consent=dataclasses.replace(CONSENT, scopes=("appearance",), refused=("face",))),
    "scope left open": release(consent=dataclasses.replace(CONSENT, scopes=("face",))),
    "scope given and refused": release(consent=dataclasses.replace(CONSENT, refused=("face",))),
    "scope given twice": release(consent=dataclasses.replace(CONSENT, scopes=("face", "face"))),
    "search by nothing": release(dataclasses.replace(SCOPE, consents=())),
    "search by gait": release(dataclasses.replace(SCOPE, consents=("gait",))),
    "no legal basis": release(dataclasses.replace(SCOPE, purpose=" ")),
    "a legal basis that is no name": release(dataclasses.replace(SCOPE, purpose="some law, I think")),
    "open for a month": release(dataclasses.replace(SCOPE, expires=NOW + 31 * DAY), approved_at=NOW + 20 * DAY),
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


def test_a_little_ahead_is_no_lie() -> None:
    """The tracer's clock may be a few minutes ahead of an authority's; the consent counts all the same."""
    check_release(release(consent=dataclasses.replace(CONSENT, given_at=NOW + 4 * MINUTE)), PEOPLE, NOW)


NO_CONSENT: dict[str, dict[str, object]] = {
    "a digest that is a number": {"notice_digest": 10**15},
    "a short digest": {"notice_digest": bytes(31)},
    "no name in place of the case": {"case": "Hong Gil-dong"},
    "a receipt number with markup": {"receipt": "<b>"},
    "a controller of a thousand letters": {"controller": "x" * 1000},
    "a controller that is a number": {"controller": 5},
    "no country": {"jurisdiction": "Korea"},
    "no language": {"language": "Korean"},
    "a scope that is a number": {"scopes": [1]},
    "a field that nobody knows": {"name": "Hong Gil-dong"},
    "a naive time": {"given_at": "2026-11-23T12:00:00"},
    "no time": {"expires": None},
}


@pytest.mark.parametrize("name", NO_CONSENT)
def test_a_consent_of_another_form_is_none(name: str) -> None:
    """Each field has its form; what has another is refused as a document, before anybody asks who signed it."""
    label, value = unpack(document_bytes(CONSENT), BadRelease, "a consent")
    assert consent_from_bytes(document_bytes(CONSENT)) == CONSENT
    with pytest.raises(BadRelease):
        consent_from_bytes(pack([label, {**value, **NO_CONSENT[name]}]))
    for missing in value:
        with pytest.raises(BadRelease):
            consent_from_bytes(pack([label, {key: kept for key, kept in value.items() if key != missing}]))


@given(st.binary(max_size=200))
def test_garbage_is_no_document(raw: bytes) -> None:
    """Any bytes give BadRelease from each reader, and one kind of document never passes for another."""
    documents = (document_bytes(SCOPE), document_bytes(CONSENT), document_bytes(release().approval))
    readers = (scope_from_bytes, consent_from_bytes, approval_from_bytes)
    for number, read in enumerate(readers):
        for other in (raw, *(document for at, document in enumerate(documents) if at != number)):
            with pytest.raises(BadRelease):
                read(other)


def test_a_number_is_not_as_many_bytes() -> None:
    """A signature or digest that is a number is refused, not turned into that many zeros in memory."""
    parts = unpack(release_to_bytes(release()), BadRelease, "a release")
    scope, consent, approval, signatures = parts
    for broken in (
        [scope, consent, approval, [10**12, *signatures[1:]]],
        [scope, consent, {**approval, "template": 10**12}, signatures],
        [scope, {**consent, "notice_digest": 10**12}, approval, signatures],
    ):
        with pytest.raises(BadRelease):
            release_from_bytes(pack(broken))
