"""Canonical CBOR (RFC 8949, section 4.2): the same document is always the same bytes, and nothing else is accepted."""

from __future__ import annotations

from typing import Any

import cbor2

from shared.errors import BadInput


def pack(value: object) -> bytes:
    """Deterministic bytes of plain maps, lists, text, bytes and numbers."""
    return cbor2.dumps(value, canonical=True)


def unpack(raw: bytes, error: type[BadInput], what: str) -> Any:
    """The value of canonical CBOR; raises `error` for anything else, trailing bytes and other spellings included."""
    try:
        value = cbor2.loads(raw)
        canonical = pack(value) == raw
    except (cbor2.CBORError, ValueError, TypeError, RecursionError, OverflowError, MemoryError):
        canonical = False
    if not canonical:
        raise error(f"{what} cannot be read", hint="it is damaged, or comes from other software")
    return value
