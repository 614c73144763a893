"""The notice that a patient is shown before they answer. It is data beside this file; a city writes its own.

A receipt holds the notice's name and version, and SHA-256 of it together with the law it was shown under, so that the
words can be proven for as long as the receipt is kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from cbor2 import CBOREncodeError

from central.cases.bases import LANGUAGES, Basis, basis_to_map
from shared.errors import BadIdentifier, BadInput
from shared.ids import check_id
from shared.wire import pack

SHIPPED: Final = Path(__file__).parent / "notices" / "contact-tracing.json"
TEXTS: Final = (
    "purpose", "face", "appearance", "processing", "searched", "seen_by", "storage", "retention", "withdraw",
    "remains", "refused", "rights",
)  # fmt: skip
CONTROLLER: Final = "PII controller"
_PARTY = ("party_id", "party_role", "party_type", "party_name", "party_address", "party_contact")
_PERIODS = ("route_days", "case_days", "evidence_days")
_LONGEST = 2000


class BadNotice(BadInput):
    """A notice cannot be read, or lacks something that a patient must be told."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One version of a notice; `document` is exactly what was written."""

    name: str
    version: str
    document: Mapping[str, Any] = field(repr=False)

    def digest(self, basis: Basis) -> bytes:
        """SHA-256 of all that a patient is shown: this document and the law, in canonical CBOR."""
        return _digest([self.document, basis_to_map(basis)])

    def text(self, part: str, language: str, basis: Basis | None = None) -> str:
        """One of TEXTS, with the periods of the legal basis filled in."""
        said = str(self.document["texts"][language][part])
        for period in _PERIODS if basis is not None else ():
            said = said.replace(f"{{{period}}}", str(getattr(basis, period)))
        return said

    def parties(self, language: str) -> list[dict[str, str]]:
        """Everybody who has a part in it, with names and addresses in the language, the controller first."""
        found = [{name: _said(party[name], language) for name in _PARTY} for party in self.document["parties"]]
        return sorted(found, key=lambda party: party["party_role"] != CONTROLLER)

    def controller(self, language: str) -> str:
        """The controller's name."""
        return self.parties(language)[0]["party_name"]


def load_notice(path: Path = SHIPPED) -> Notice:
    """Raises BadNotice, which says what is missing."""
    try:
        return read_notice(json.loads(path.read_bytes()))
    except (OSError, ValueError) as error:
        raise BadNotice(f"cannot read the notice {path.name}", hint=f"check it ({type(error).__name__})") from None


def read_notice(document: Any) -> Notice:
    """A notice from its JSON. Raises BadNotice."""
    try:
        notice = Notice(check_id(document["notice"], "notice"), check_id(document["version"], "version"), document)
        for language in LANGUAGES:
            parts = [notice.text(part, language) for part in TEXTS]
            parts += [value for party in notice.parties(language) for value in party.values()]
            if not all(part.strip() and len(part) <= _LONGEST for part in parts):
                raise ValueError
            if notice.parties(language)[0]["party_role"] != CONTROLLER:
                raise ValueError
        _digest(document)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, BadIdentifier):
        hint = "compare it with central/consents/notices/contact-tracing.json"
        raise BadNotice("the notice is malformed, or does not say all that it must", hint=hint) from None
    return notice


def _digest(document: Any) -> bytes:
    try:
        return sha256(pack(document)).digest()
    except (CBOREncodeError, RecursionError) as error:
        raise ValueError from error


def _said(value: object, language: str) -> str:
    said = value[language] if isinstance(value, dict) else value
    if not isinstance(said, str):
        raise TypeError
    return said
