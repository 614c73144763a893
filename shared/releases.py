"""What an authority checks before it releases a single key: scope, consent, and signatures of different people."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, NoReturn, Protocol, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shared.clock import as_utc
from shared.epochs import HOUR_S, Epoch, Modality
from shared.errors import BadRelease, CairnError, ReleaseRefused
from shared.ids import check_id, is_id
from shared.wire import as_bytes, pack, unpack

MAX_WINDOW = timedelta(days=14)
MAX_APPROVAL = timedelta(days=14)
MAX_CONSENT = timedelta(days=30)
MAX_PHOTOS = 5
CLOCKS_DIFFER = timedelta(hours=1)
CONSENT_AHEAD = timedelta(minutes=5)  # by how much the clock beside a patient may be ahead of an authority's
DIGEST_BYTES = 32
_NAME_CHARACTERS = 120
_JURISDICTION, _LANGUAGE = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?"), re.compile(r"[a-z]{2}")
_Document = TypeVar("_Document")


@dataclass(frozen=True, slots=True)
class CaseScope:
    """What may be searched: one case, one window, named cells, and until when. `purpose` names the one legal basis."""

    case: str
    purpose: str
    opened_by: str
    start: datetime
    end: datetime
    cells: tuple[str, ...]
    consents: tuple[str, ...]
    expires: datetime

    def epochs(self) -> list[Epoch]:
        """Every cell-hour in scope."""
        return [Epoch(cell, hour) for cell in self.cells for hour in self.hours]

    @property
    def hours(self) -> range:
        """Every hour in scope, counted since 1970."""
        return range(int(self.start.timestamp()) // HOUR_S, -(-int(self.end.timestamp()) // HOUR_S))


@dataclass(frozen=True, slots=True)
class ConsentReceipt:
    """What the patient agreed to and what they refused, on which notice, as their witness took it down and signed it.

    `case` stands for the patient, whose name is in no document. `notice_digest` is SHA-256 of notice and law as
    they were shown, `language` (ISO 639-1) the one in which it was explained, `jurisdiction` ISO 3166. Every scope
    that there is stands in `scopes` or in `refused`: silence is no answer.
    """

    receipt: str
    case: str
    purpose: str
    scopes: tuple[str, ...]
    refused: tuple[str, ...]
    given_at: datetime
    expires: datetime
    signed_by: str
    controller: str
    jurisdiction: str
    language: str
    notice: str
    notice_version: str
    notice_digest: bytes


@dataclass(frozen=True, slots=True)
class Approval:
    """The second signature: one person's word on this scope, this consent and this template, and on no other.

    `scope` and `consent` are SHA-256 of the documents' bytes, `template` of the template as a box sealed it; `photos`
    is how many pictures it was made from, 0 for a patient who gave none.
    """

    case: str
    approver: str
    scope: bytes
    consent: bytes
    template: bytes
    photos: int
    approved_at: datetime


@dataclass(frozen=True, slots=True)
class Release:
    """A request to release keys, with everything that proves it may be granted."""

    scope: CaseScope
    consent: ConsentReceipt
    approval: Approval
    opener_signature: bytes = field(repr=False)
    approver_signature: bytes = field(repr=False)
    consent_signature: bytes = field(repr=False)


class Verifier(Protocol):
    """The public half of a key that only a person holds: an Ed25519 key of a file, or a passkey's."""

    def verify(self, signature: bytes, data: bytes, /) -> None:
        """Raises cryptography's InvalidSignature."""


@dataclass(frozen=True, slots=True)
class Person:
    """An account as an authority knows it: its roles, and the key that only the person holds."""

    roles: frozenset[str]
    key: Verifier


Document = CaseScope | ConsentReceipt | Approval


def document_bytes(document: Document) -> bytes:
    """Exactly what a person signs; the type is part of it, so one document never passes for another."""
    return pack([f"cairn/v1 {type(document).__name__}", _to_map(document)])


def digest_of(document: CaseScope | ConsentReceipt) -> bytes:
    """What an approval holds of a document: SHA-256 of its bytes."""
    return sha256(document_bytes(document)).digest()


def scope_from_bytes(raw: bytes) -> CaseScope:
    """The scope in document_bytes; BadRelease for anything else."""
    return _document(raw, CaseScope.__name__, _scope_from)


def consent_from_bytes(raw: bytes) -> ConsentReceipt:
    """The receipt in document_bytes; BadRelease for anything else."""
    return _document(raw, ConsentReceipt.__name__, _consent_from)


def approval_from_bytes(raw: bytes) -> Approval:
    """The approval in document_bytes; BadRelease for anything else."""
    return _document(raw, Approval.__name__, _approval_from)


def signed_bytes(document: Document, role: str) -> bytes:
    """What a key signs: the role, `opener` of a scope, `witness` of a consent or `approver`, and the document."""
    return role.encode() + b"\0" + document_bytes(document)


def sign(document: Document, role: str, key: Ed25519PrivateKey) -> bytes:
    """Sign with a key file; a passkey signs the same bytes in its own way."""
    return key.sign(signed_bytes(document, role))


def release_to_bytes(release: Release) -> bytes:
    signatures = [release.opener_signature, release.approver_signature, release.consent_signature]
    return pack([_to_map(release.scope), _to_map(release.consent), _to_map(release.approval), signatures])


def release_from_bytes(raw: bytes) -> Release:
    """Raises BadRelease for anything that release_to_bytes did not make."""
    try:
        scope, consent, approval, signatures = unpack(raw, BadRelease, "a release")
        opener, second, witness = (as_bytes(signature) for signature in signatures)
        return Release(_scope_from(scope), _consent_from(consent), _approval_from(approval), opener, second, witness)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError, CairnError):
        raise BadRelease("a release is malformed", hint="make it again with cairn-central case") from None


def check_release(release: Release, people: Mapping[str, Person], now: datetime) -> None:
    """Verify signatures, persons, consent, scope and time. Raises ReleaseRefused with the first reason found."""
    scope, consent, approval = release.scope, release.consent, release.approval
    if scope.opened_by == approval.approver:
        _refuse("the approver opened this case", "another person with the role approver must sign")
    opener, approver = _person(people, scope.opened_by, "tracer"), _person(people, approval.approver, "approver")
    if opener.key == approver.key:
        _refuse("both signatures are made with one key", "each person must hold a key of their own")
    check_signature(opener.key, "opener", scope, release.opener_signature)
    check_signature(approver.key, "approver", approval, release.approver_signature)
    check_signature(_person(people, consent.signed_by, "tracer").key, "witness", consent, release.consent_signature)
    check_consent(scope, consent, now)
    check_scope(scope, now)
    check_approval(release, now)


def check_approval(release: Release, now: datetime) -> None:
    """Raises ReleaseRefused unless the approval is of these very documents, not from the future, and not too long."""
    scope, approval = release.scope, release.approval
    approved = (approval.case, approval.scope, approval.consent)
    if approved != (scope.case, digest_of(scope), digest_of(release.consent)):
        _refuse("another scope or consent was approved than is shown", "have the case approved as it is now")
    if len(approval.template) != DIGEST_BYTES:
        _refuse("the approval names no template", "register the patient, then have the case approved")
    if not 0 <= approval.photos <= MAX_PHOTOS:
        _refuse(
            f"the template was made from {approval.photos} photos",
            f"register the patient with at most {MAX_PHOTOS}",
        )
    if approval.approved_at > now + CLOCKS_DIFFER:
        _refuse("the approval is dated in the future", "check the clock of the approver's machine, and sign again")
    if scope.expires > approval.approved_at + MAX_APPROVAL:
        _refuse("the approval would last longer than 14 days", "open the case with an earlier end")


def check_consent(scope: CaseScope, consent: ConsentReceipt, now: datetime) -> None:
    """Raises ReleaseRefused unless the consent is live, of this case, and covers what is to be searched."""
    check_answer(scope, consent, now)
    if not scope.consents or not set(scope.consents) <= set(consent.scopes):
        _refuse("the search asks for more than the patient consented to", "narrow the case to the consent's scopes")


def check_answer(scope: CaseScope, consent: ConsentReceipt, now: datetime) -> None:
    """Raises ReleaseRefused unless this is a whole, live answer to this case's question, whatever the answer is."""
    if consent.case != scope.case:
        _refuse("the consent belongs to another case", "register the patient for this case")
    if consent.purpose != scope.purpose:
        _refuse("the patient was told another legal basis than the case has", "explain this one, and ask again")
    if sorted((*consent.scopes, *consent.refused)) != sorted(modality.value for modality in Modality):
        _refuse("the consent leaves a scope open", "ask for each of face and appearance: given, or refused")
    if not consent.given_at <= now + CONSENT_AHEAD or now >= consent.expires:
        _refuse("the consent is not live", "ask the patient again, or close the case")
    if consent.expires > consent.given_at + MAX_CONSENT:
        _refuse(f"the consent would last longer than {MAX_CONSENT.days} days", "ask the patient for a shorter time")


def check_scope(scope: CaseScope, now: datetime) -> None:
    """Raises ReleaseRefused for a scope that no signature could make right: basis, cells, window, expiry."""
    if not scope.cells or not set(scope.consents) <= {modality.value for modality in Modality}:
        _refuse("the case names no cells, or an unknown scope", "name the cells, and face or appearance")
    check_bounds(scope, now)


def check_bounds(scope: CaseScope, now: datetime) -> None:
    """Raises ReleaseRefused unless the case names a basis, a window within retention, and an end within 14 days."""
    if not is_id(scope.purpose):
        _refuse("the case names no legal basis", "state the one legal basis of this case by its name")
    if not scope.start < scope.end or scope.end - scope.start > MAX_WINDOW:
        _refuse("the window is empty or longer than 14 days", "narrow the window")
    if scope.start < now - MAX_WINDOW - CLOCKS_DIFFER or scope.end > now + CLOCKS_DIFFER:
        _refuse("the window reaches past retention or into the future", "narrow the window")
    if now >= scope.expires:
        _refuse("the approval has expired", "open a new case, and have it approved")
    if scope.expires > now + MAX_APPROVAL + CLOCKS_DIFFER:
        _refuse("the case would stay open longer than 14 days", "open it with an earlier end")


def check_signature(key: Verifier, role: str, document: Document, signature: bytes) -> None:
    """Raises ReleaseRefused unless `signature` was made in this role, of this document, with this person's key."""
    try:
        key.verify(signature, signed_bytes(document, role))
    except InvalidSignature:
        _refuse(f"the signature of the {role} does not verify", "sign again with the person's registered key")


def _person(people: Mapping[str, Person], name: str, role: str) -> Person:
    person = people.get(name)
    if person is None or role not in person.roles:
        _refuse(
            f"no person with the role {role} is known by the signing name", "register the person with this authority"
        )
    return person


def _refuse(why: str, hint: str) -> NoReturn:
    raise ReleaseRefused(why, hint=hint)


def _to_map(document: Document) -> dict[str, object]:
    def plain(value: object) -> object:
        if isinstance(value, datetime):
            return as_utc(value).isoformat()
        return list(value) if isinstance(value, tuple) else value

    return {f.name: plain(getattr(document, f.name)) for f in dataclasses.fields(document)}


def _document(raw: bytes, kind: str, read: Callable[[dict[str, Any]], _Document]) -> _Document:
    try:
        label, value = unpack(raw, BadRelease, "a document")
        if label != f"cairn/v1 {kind}":
            raise ValueError
        return read(value)
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError, CairnError):
        raise BadRelease("this is not the document that was asked for", hint="fetch it again") from None


def _scope_from(value: dict[str, Any]) -> CaseScope:
    times = {name: _time(value[name]) for name in ("start", "end", "expires")}
    names = {name: _names(value[name]) for name in ("cells", "consents")}
    scope = CaseScope(**{**value, **times, **names})
    check_id(scope.case, "case")
    _texts(scope.purpose, scope.opened_by)
    return scope


def _approval_from(value: dict[str, Any]) -> Approval:
    digests = {name: as_bytes(value[name]) for name in ("scope", "consent", "template")}
    photos, approved_at = value["photos"], _time(value["approved_at"])
    if type(photos) is not int or not isinstance(value["approver"], str):
        raise ValueError
    return Approval(**{**value, **digests, "approved_at": approved_at})


def _consent_from(value: dict[str, Any]) -> ConsentReceipt:
    times = {name: _time(value[name]) for name in ("given_at", "expires")}
    names = {name: _names(value[name]) for name in ("scopes", "refused")}
    consent = ConsentReceipt(**{**value, **times, **names, "notice_digest": as_bytes(value["notice_digest"])})
    for name in ("receipt", "case", "purpose", "signed_by", "notice", "notice_version"):
        check_id(getattr(consent, name), name)
    _texts(consent.controller)
    places = (_JURISDICTION.fullmatch(consent.jurisdiction), _LANGUAGE.fullmatch(consent.language))
    if not all(places) or len(consent.notice_digest) != DIGEST_BYTES:
        raise ValueError
    return consent


def _texts(*values: object) -> None:
    if not all(isinstance(value, str) and 0 < len(value) <= _NAME_CHARACTERS for value in values):
        raise ValueError


def _time(text: str) -> datetime:
    return as_utc(datetime.fromisoformat(text)).astimezone(UTC)


def _names(value: list[str]) -> tuple[str, ...]:
    return tuple(check_id(name, "name") for name in value)
