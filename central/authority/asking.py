"""Asking one authority among several: whatever it refuses says who refused it."""

from __future__ import annotations

from collections.abc import Sequence

from central.authority.client import Releases
from central.authority.released import Recipient
from shared.errors import Refused


def ask(
    authority: Releases, release_bytes: bytes, recipient: Recipient, public: bytes, cells: Sequence[str] = ()
) -> bytes:
    """One authority's sealed shares, of some of the scope's cells or of all.

    A refusal keeps its kind and names the authority.
    """
    try:
        if cells:
            return authority.release(release_bytes, recipient, public, cells)
        return authority.release(release_bytes, recipient, public)
    except Refused as error:
        if authority.name in error.message:
            raise
        raise type(error)(f"authority {authority.name}: {error.message}", hint=error.hint) from error
