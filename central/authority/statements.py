"""A signed statement that a day's secret is destroyed, for the audit log that everybody can read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.clock import as_utc
from shared.errors import BadInput, CairnError
from shared.ids import check_id
from shared.wire import pack


@dataclass(frozen=True, slots=True)
class Destruction:
    """Authority, UTC day, when its secret was destroyed, and the authority's Ed25519 signature of the three."""

    authority: str
    day: date
    destroyed_at: datetime
    signature: bytes


def sign_destruction(authority: str, day: date, at: datetime, key: Ed25519PrivateKey) -> Destruction:
    return Destruction(authority, day, at, key.sign(_signed(authority, day, at)))


def check_destruction(statement: Destruction, key: Ed25519PublicKey) -> None:
    """BadInput when the statement was not signed by the holder of `key`."""
    try:
        key.verify(statement.signature, _signed(statement.authority, statement.day, statement.destroyed_at))
    except InvalidSignature:
        hint = "ask that authority to show its log"
        raise BadInput("a destruction statement is not signed by its authority", hint=hint) from None


def statement_to_map(statement: Destruction) -> dict[str, str]:
    """For JSON: what anybody needs to verify it."""
    return {
        "authority": statement.authority,
        "day": statement.day.isoformat(),
        "destroyed_at": as_utc(statement.destroyed_at).isoformat(),
        "signature": statement.signature.hex(),
    }


def statement_from_map(value: Mapping[str, Any]) -> Destruction:
    """The inverse; BadInput for anything else. Whether it is signed is another question."""
    try:
        day, at = date.fromisoformat(value["day"]), as_utc(datetime.fromisoformat(value["destroyed_at"]))
        signature = bytes.fromhex(value["signature"])
        return Destruction(check_id(value["authority"], "authority"), day, at, signature)
    except (KeyError, TypeError, ValueError, CairnError):
        raise BadInput("a destruction statement is malformed", hint="fetch it again from its authority") from None


def _signed(authority: str, day: date, at: datetime) -> bytes:
    return pack(["cairn/v1 destruction", authority, day.isoformat(), as_utc(at).isoformat()])
