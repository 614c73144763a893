"""Grants: the shares of coming hours that an authority publishes, sealed to one node."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from shared.epochs import SHARE_BYTES, Epoch, Shares
from shared.errors import BadInput, CairnError
from shared.ids import check_id
from shared.keys import open_sealed, seal_to
from shared.wire import pack, unpack

MAX_HOURS_AHEAD = 24


def seal_grant(authority: str, node: str, shares: Mapping[Epoch, Shares], public: X25519PublicKey) -> bytes:
    """The retained message with one authority's shares of `node`'s next epochs."""
    rows = [[epoch.cell, epoch.hour, share.code, share.seal] for epoch, share in sorted(shares.items())]
    return seal_to(public, _info(authority, node), pack(rows))


def open_grant(raw: bytes, authority: str, node: str, private: X25519PrivateKey) -> dict[Epoch, Shares]:
    """Raises CannotOpen when it was made for another node or by another authority, BadInput when malformed."""
    rows = unpack(open_sealed(private, _info(authority, node), raw), BadInput, "a grant")
    try:
        shares = {Epoch(cell, hour): Shares(code, seal) for cell, hour, code, seal in rows}
    except (TypeError, ValueError, CairnError):
        raise BadInput("a grant is malformed", hint="check the authority's version") from None
    if any(
        not isinstance(part, bytes) or len(part) != SHARE_BYTES for s in shares.values() for part in (s.code, s.seal)
    ):
        raise BadInput("a grant holds a share that is not 32 bytes long", hint="check the authority's version")
    return shares


def _info(authority: str, node: str) -> bytes:
    return b"cairn/v1 grant\0" + check_id(authority, "authority").encode() + b"\0" + check_id(node, "node").encode()
