"""The centre takes no picture, not even a patient's. Whoever sends one by mistake is told where pictures belong."""

from __future__ import annotations

from fastapi import Request

from central.errors import NoPictures

SEALED_TYPES = frozenset({"application/cbor", "application/octet-stream"})
# First bytes, and where they stand. Nothing is parsed: whatever is not sealed fails at the probe service anyway.
_MARKS = (
    (0, b"\xff\xd8\xff"), (0, b"\x89PNG"), (0, b"GIF8"), (0, b"II*\0"), (0, b"MM\0*"), (8, b"WEBP"), (4, b"ftyp"),
)  # fmt: skip


async def sealed_body(request: Request) -> bytes:
    """A dependency: the raw body. Raises NoPictures for a picture, and for a type that no sealed template has."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if kind not in SEALED_TYPES or any(body[at : at + len(mark)] == mark for at, mark in _MARKS):
        hint = "register the patient on a box with `cairn-edge register`, and send the sealed template that it writes"
        raise NoPictures("the centre takes sealed templates only, never a picture", hint=hint)
    return body
