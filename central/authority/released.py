"""The shares that one authority releases for one case, as they travel: CBOR sealed to one recipient's key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from shared.clock import from_unix
from shared.epochs import Epoch
from shared.errors import BadRelease
from shared.keys import open_sealed, seal_to
from shared.wire import pack, unpack


class Recipient(StrEnum):
    """Who may hold what: probes get code shares, search workers get seal shares, nobody gets both."""

    PROBES = "probes"
    SEARCH = "search"


@dataclass(frozen=True, slots=True)
class ReleasedShares:
    """One authority's shares (32 bytes each) for the cell-hours of a case, and the window they serve."""

    authority: str
    case: str
    recipient: Recipient
    start: datetime
    end: datetime
    consents: tuple[str, ...]
    shares: Mapping[Epoch, bytes] = field(repr=False)


def seal_released(released: ReleasedShares, public: X25519PublicKey) -> bytes:
    """Seal to the recipient; the authority, case and recipient are bound, so none can be swapped."""
    rows = [[epoch.cell, epoch.hour, share] for epoch, share in released.shares.items()]
    window = [released.start.timestamp(), released.end.timestamp()]
    plain = pack({"shares": rows, "window": window, "consents": list(released.consents)})
    return seal_to(public, _info(released.authority, released.case, released.recipient), plain)


def open_released(
    private: X25519PrivateKey, sealed: bytes, authority: str, case: str, recipient: Recipient
) -> ReleasedShares:
    """Open what seal_released made; CannotOpen for another key, authority, case or recipient."""
    plain = open_sealed(private, _info(authority, case, recipient), sealed)
    document = unpack(plain, BadRelease, "an authority's answer")
    try:
        shares = {Epoch(cell, hour): share for cell, hour, share in document["shares"]}
        start, end = (from_unix(at) for at in document["window"])
        consents = tuple(document["consents"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadRelease("An authority sent shares of an unknown form.", hint="Compare versions.") from error
    return ReleasedShares(authority, case, recipient, start, end, consents, shares)


def combined(released: Mapping[str, ReleasedShares]) -> dict[Epoch, tuple[bytes, ...]]:
    """Shares by epoch in order of authority name, for the epochs that every authority released."""
    ordered = [released[name].shares for name in sorted(released)]
    common = set.intersection(*(set(shares) for shares in ordered)) if ordered else set()
    return {epoch: tuple(shares[epoch] for shares in ordered) for epoch in sorted(common)}


def _info(authority: str, case: str, recipient: Recipient) -> bytes:
    return f"cairn/v1 shares {authority} {case} {recipient}".encode()
