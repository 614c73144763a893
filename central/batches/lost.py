"""What a search is given in the place of a batch whose archive is damaged: it is counted as failed, with the reason."""

from __future__ import annotations

from shared.batches import Raw, Stored, read_stored
from shared.errors import BadBatch

_MAGIC = b"CAIRNLOST "


class LostBatch(BadBatch):
    """The file in which this batch was archived is damaged or missing."""


def lost(reason: str) -> bytes:
    return _MAGIC + reason.encode()


def read_lying(raw: Raw) -> Stored:
    """A batch as the store gave it. Raises LostBatch, and what read_stored raises."""
    if raw[: len(_MAGIC)] == _MAGIC:
        reason = bytes(raw[len(_MAGIC) :]).decode(errors="replace")
        raise LostBatch(reason, hint="run `cairn-central batches show --check` for what can be done")
    return read_stored(raw)
