"""The centre takes no picture, not even a patient's. Whoever sends one by mistake is told where pictures belong."""

from __future__ import annotations

from fastapi import Request

from central.errors import NoPictures

SEALED_TYPES = frozenset({"application/cbor", "application/octet-stream"})
HINT = "register the patient on a box with `cairn-edge register`, and send the sealed template that it writes"
# First bytes, and where they stand. Nothing is parsed: what is not sealed would fail at the probe service anyway.
_MARKS = (
    (0, b"\xff\xd8\xff"), (0, b"\x89PNG"), (0, b"GIF8"), (0, b"II*\0"), (0, b"MM\0*"), (8, b"WEBP"), (4, b"ftyp"),
)  # fmt: skip


def is_picture(content_type: str, body: bytes) -> bool:
    """Whether a request says that it carries an image or a form with files, or begins like an image."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind.startswith(("image/", "video/", "multipart/")):
        return True
    return any(body[at : at + len(mark)] == mark for at, mark in _MARKS)


async def sealed_body(request: Request) -> bytes:
    """A dependency: the raw body. Raises NoPictures for a content type that no sealed template has."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in SEALED_TYPES:
        raise NoPictures("the centre takes sealed templates only", hint=HINT)
    return await request.body()
