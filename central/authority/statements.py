"""A signed statement that a day's secret is destroyed, for the audit log that everybody can read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from shared.errors import BadInput
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


def _signed(authority: str, day: date, at: datetime) -> bytes:
    return pack(["cairn/v1 destruction", authority, day.isoformat(), at.isoformat()])
