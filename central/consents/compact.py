"""A receipt and its signature as text that fits a QR code: CAIRN1: and base45 (RFC 9285) of compressed CBOR.

Digits, capitals and nine signs are what a QR code packs most densely, and every scanner gives them back unchanged; the
same way is taken by the European vaccination certificates.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field

from shared.errors import BadRelease
from shared.releases import ConsentReceipt, consent_from_bytes
from shared.wire import pack, unpack

PREFIX = "CAIRN1:"
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_MOST_BYTES, _MOST_TEXT = 8 * 1024, 16 * 1024


@dataclass(frozen=True, slots=True)
class Signed:
    """A receipt's bytes exactly as they were signed, and the witness's signature of them."""

    document: bytes
    signature: bytes = field(repr=False)

    @property
    def receipt(self) -> ConsentReceipt:
        """Raises BadRelease when the bytes are no receipt."""
        return consent_from_bytes(self.document)


def to_text(signed: Signed) -> str:
    """What the QR code holds."""
    return PREFIX + base45(zlib.compress(pack([signed.document, signed.signature]), 9))


def from_text(text: str) -> Signed:
    """Raises BadRelease for anything that to_text did not make."""
    try:
        if not text.startswith(PREFIX) or len(text) > _MOST_TEXT:
            raise ValueError
        document, signature = unpack(_inflated(from_base45(text.removeprefix(PREFIX))), BadRelease, "a receipt")
        if not isinstance(document, bytes) or not isinstance(signature, bytes):
            raise TypeError
    except (ValueError, TypeError, zlib.error):
        raise BadRelease("this is no consent receipt", hint="scan the whole code again") from None
    signed = Signed(document, signature)
    signed.receipt  # noqa: B018  (raises for anything but a receipt)
    return signed


def base45(raw: bytes) -> str:
    """RFC 9285: two bytes are three characters, a last single byte is two, least significant first."""
    text = []
    for at in range(0, len(raw), 2):
        value, count = int.from_bytes(raw[at : at + 2], "big"), 3 if at + 1 < len(raw) else 2
        for _ in range(count):
            value, digit = divmod(value, 45)
            text.append(_ALPHABET[digit])
    return "".join(text)


def from_base45(text: str) -> bytes:
    """Raises ValueError for characters, lengths and values that base45 does not make."""
    raw = bytearray()
    for at in range(0, len(text), 3):
        digits = [_ALPHABET.index(one) for one in text[at : at + 3]]
        if len(digits) == 1:
            raise ValueError("a single character is left over")
        value = sum(digit * 45**place for place, digit in enumerate(digits))
        raw += value.to_bytes(len(digits) - 1, "big") if value < 256 ** (len(digits) - 1) else _too_large()
    return bytes(raw)


def _too_large() -> bytes:
    raise ValueError("a group is too large")


def _inflated(packed: bytes) -> bytes:
    reader = zlib.decompressobj()
    raw = reader.decompress(packed, _MOST_BYTES)  # a few bytes can stand for gigabytes
    if not reader.eof or reader.unused_data:
        raise ValueError("damaged, or too long")
    return raw
