"""Canonical CBOR (RFC 8949, section 4.2): the same document is always the same bytes, and nothing else is accepted."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import cbor2

from shared.errors import BadInput

_LENGTHS = {0x58: (1, 24), 0x59: (2, 2**8), 0x5A: (4, 2**16)}  # bytes of a length, and the least that needs them
_MAX_SMALL = 32 * 1024  # what may stand before a large byte string


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


def unpack_proven(raw: bytes | memoryview, error: type[BadInput], what: str) -> Any:
    """The value of CBOR that a seal or an earlier `unpack` has vouched for: it is not packed again to compare.

    Raises `error` for what cannot be read. The spelling is not looked at, so nothing may hang on the bytes any more.
    """
    try:
        return cbor2.loads(raw)
    except (cbor2.CBORError, ValueError, TypeError, RecursionError, OverflowError, MemoryError):
        raise error(f"{what} cannot be read", hint="it is damaged, or comes from other software") from None


def unpack_first(
    raw: memoryview, names: tuple[str, ...], error: type[BadInput], what: str
) -> tuple[dict[str, Any], memoryview]:
    """The first entries of a canonical map, and the bytes of the one entry after them, still to be unpacked.

    For a document with a large middle and a tail that is seldom needed: the last of `names` is a byte string, given
    as a view into `raw`, and nothing is copied. Raises `error` for anything but a map of just these and one more.
    """
    try:
        reader = cbor2.CBORDecoder(BytesIO(raw[1:_MAX_SMALL]))
        small = [reader.decode() for _ in range(2 * len(names) - 1)]
        first = dict(zip(small[:-1:2], small[1::2], strict=True))
        # Packed again with an empty byte string, its last byte is where the length of the real one begins.
        head = pack({**first, small[-1]: b""})
        start, end = byte_string(raw, len(head) - 1)
    except (cbor2.CBORError, ValueError, TypeError, IndexError, RecursionError, OverflowError, MemoryError):
        start = end = 0
    # A map of one entry more differs in its first byte only: 0xa0 and the number of entries.
    if not start or (*first, small[-1]) != names or raw[0] != head[0] + 1 or raw[1 : len(head) - 1] != head[1:-1]:
        raise error(f"{what} cannot be read", hint="it is damaged, or comes from other software")
    return {**first, names[-1]: raw[start:end]}, raw[end:]


def byte_string(raw: bytes | memoryview, at: int) -> tuple[int, int]:
    """Where the content of the byte string at `at` begins and ends (RFC 8949, section 3.1); ValueError if nowhere."""
    width, shortest = _LENGTHS.get(raw[at], (0, 0))
    length = int.from_bytes(raw[at + 1 : at + 1 + width], "big") if width else raw[at] - 0x40
    start = at + 1 + width
    if not shortest <= length <= len(raw) - start or (not width and length >= 24):
        raise ValueError
    return start, start + length


def as_bytes(value: object) -> bytes:
    """What must be bytes in a document. TypeError for anything else: bytes() of a number would be that many zeros."""
    if not isinstance(value, bytes):
        raise TypeError
    return value
