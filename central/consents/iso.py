"""A receipt for machines, after ISO/IEC TS 27560:2023: header, processing, parties and events, and what was signed.

Everything but the event of a withdrawal follows from the signed bytes and the notice whose digest they hold, so that
`check` can make it again and compare. A withdrawal is this office's own word, and is marked as such.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from cryptography.exceptions import InvalidSignature

from central.cases.bases import Basis, basis_from, basis_to_map
from central.consents.compact import Signed, from_text
from central.consents.notices import CONTROLLER, Notice, read_notice
from shared.clock import as_utc
from shared.errors import BadInput, BadRelease, CairnError
from shared.releases import ConsentReceipt, Verifier, check_signature

SCHEMA: Final = "ISO/IEC TS 27560:2023 cairn-consent-1"
MAX_BYTES: Final = 256 * 1024
_PII = {"face": "face template", "appearance": "appearance template: body shape and clothing"}


class ForgedReceipt(BadInput):
    """A receipt was not signed with this key, or says more than what was signed."""


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """Which scopes were taken back, when, and the role of whoever took it down."""

    scopes: tuple[str, ...]
    at: datetime
    by: str


def receipt_json(signed: Signed, notice: Notice, basis: Basis, withdrawal: Withdrawal | None = None) -> dict[str, Any]:
    """The export. Raises ForgedReceipt when the notice or the basis is not the one that the receipt names."""
    receipt = signed.receipt
    if (notice.name, notice.version, notice.digest(basis)) != _notice_of(receipt) or basis.name != receipt.purpose:
        raise ForgedReceipt("the receipt belongs to another notice or legal basis", hint="keep them together")
    head = {"schema_version": SCHEMA}
    return {
        "receipt_metadata": head | {"receipt_id": receipt.receipt},
        "record_header": head | {"record_id": receipt.receipt, "pii_principal_id": receipt.case},
        "pii_processing": [_processing(receipt, notice, basis)],
        "party_identification": notice.parties(receipt.language),
        "events": _events(receipt, withdrawal),
        "notice": dict(notice.document),
        "legal_basis": basis_to_map(basis),
        "signed": {
            "document": _text(signed.document),
            "signature": _text(signed.signature),
            "role": "witness",
            "signed_by": receipt.signed_by,
        },
    }


def read_receipt(raw: bytes) -> tuple[Signed, dict[str, Any] | None]:
    """A receipt from its JSON, or from the text of a QR code; the JSON as well where it is one. Raises BadRelease."""
    if len(raw) > MAX_BYTES:
        raise BadRelease("this is no consent receipt", hint=f"it is larger than {MAX_BYTES // 1024} KiB")
    try:
        text = raw.decode("utf-8").strip()
        if not text.startswith("{"):
            return from_text(text), None
        document = json.loads(text)
        signed = document["signed"]
        found = Signed(*(base64.b64decode(signed[name], validate=True) for name in ("document", "signature")))
        found.receipt  # noqa: B018  (raises for anything but a receipt)
    except (ValueError, KeyError, TypeError, RecursionError):
        hint = "give the file of `cairn-central consent show --json`, or the text of the QR code"
        raise BadRelease("this is no consent receipt", hint=hint) from None
    return found, document


def check_receipt(raw: bytes, key: Verifier) -> tuple[ConsentReceipt, Withdrawal | None]:
    """Whether the witness signed this receipt, and whether it says nothing else than what was signed.

    Raises ForgedReceipt, BadRelease. The withdrawal, where there is one, is what the centre said, unsigned.
    """
    signed, document = read_receipt(raw)
    receipt = signed.receipt
    try:
        check_signature(key, "witness", receipt, signed.signature)
    except (CairnError, InvalidSignature):
        hint = f"it says that {receipt.signed_by} signed it: compare the key with theirs"
        raise ForgedReceipt("the signature does not verify with this key", hint=hint) from None
    return receipt, None if document is None else _compared(signed, document)


def _compared(signed: Signed, document: Mapping[str, Any]) -> Withdrawal | None:
    try:
        withdrawal = _withdrawal_in(document["events"])
        made = receipt_json(signed, read_notice(document["notice"]), basis_from(document["legal_basis"]), withdrawal)
    except (KeyError, TypeError, ValueError, AttributeError, CairnError):
        made = {}
    if made != document:
        differs = sorted(name for name in {*made, *document} if made.get(name) != document.get(name))
        hint = "only the part `signed` counts; ask for the receipt again"
        raise ForgedReceipt(f"the receipt says something else than what was signed: {', '.join(differs)}", hint=hint)
    return withdrawal


def _processing(receipt: ConsentReceipt, notice: Notice, basis: Basis) -> dict[str, Any]:
    def said(part: str) -> str:
        return notice.text(part, receipt.language, basis)

    parties = notice.parties(receipt.language)
    shared = {
        "lawful_basis": f"explicit consent; {basis.name}: {basis.texts[receipt.language]}",
        "pii_controllers": [party["party_id"] for party in parties if party["party_role"] == CONTROLLER],
        "collection_method": "photos given by the patient, embedded and dropped on a device",
        "processing_method": said("processing"),
        "storage_locations": [said("storage")],
        "retention_period": said("retention"),
        "jurisdiction": receipt.jurisdiction,
        "recipient_third_parties": [],
        "withdrawal_method": said("withdraw"),
        "privacy_rights": said("rights"),
        "authority_party": [party["party_id"] for party in parties if party["party_role"] == "authority"],
    }
    return {
        "privacy_notice": f"{notice.name}, version {notice.version}, SHA-256 {receipt.notice_digest.hex()}",
        "language": receipt.language,
        "purposes": [
            {
                "purpose": said("purpose"),
                "purpose_type": f"search by {scope}",
                "purpose_description": said(scope),
                "consent_given": scope in receipt.scopes,
                "pii_information": [
                    {
                        "pii_type": _PII[scope],
                        "pii_attribute_id": scope,
                        "pii_optional": True,
                        "sensitive_pii_category": True,
                        "special_pii_category": "biometric data; data concerning health",
                    }
                ],
                **shared,
            }
            for scope in sorted({*receipt.scopes, *receipt.refused}, reverse=True)
        ],
    }


def _events(receipt: ConsentReceipt, withdrawal: Withdrawal | None) -> list[dict[str, Any]]:
    given_at, lasts = as_utc(receipt.given_at), receipt.expires - receipt.given_at
    states = [("consent_given", receipt.scopes, duration(lasts)), ("consent_refused", receipt.refused, "PT0S")]
    events: list[dict[str, Any]] = [
        {
            "event_time": given_at.isoformat(),
            "validity_duration": valid,
            "entity_id": receipt.case,
            "event_type": "explicit",
            "event_state": state,
            "scopes": list(scopes),
            "recorded_by": receipt.signed_by,
        }
        for state, scopes, valid in states
        if scopes
    ]
    if withdrawal is not None:
        events.append(
            {
                "event_time": as_utc(withdrawal.at).isoformat(),
                "validity_duration": "PT0S",
                "entity_id": receipt.case,
                "event_type": "explicit",
                "event_state": "consent_withdrawn",
                "scopes": list(withdrawal.scopes),
                "recorded_by": withdrawal.by,
                "signed": False,
            }
        )
    return events


def _withdrawal_in(events: list[dict[str, Any]]) -> Withdrawal | None:
    found = [event for event in events if event["event_state"] == "consent_withdrawn"]
    if not found:
        return None
    (event,) = found
    at = as_utc(datetime.fromisoformat(event["event_time"]))
    return Withdrawal(tuple(str(scope) for scope in event["scopes"]), at, str(event["recorded_by"]))


def duration(span: timedelta) -> str:
    """ISO 8601, in days and seconds."""
    seconds = span.seconds + (1 if span.microseconds else 0)
    return f"P{span.days}D" + (f"T{seconds}S" if seconds else "")


def _notice_of(receipt: ConsentReceipt) -> tuple[str, str, bytes]:
    return receipt.notice, receipt.notice_version, receipt.notice_digest


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
