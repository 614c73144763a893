"""Cells and hours, the authorities' shares of each, and the keys that only all shares together give.

One authority's share is HMAC-SHA256 under its secret of the day (RFC 2104); a key is HKDF-SHA256 (RFC 5869) over the
shares of all authorities, in the order of their names. Every field is length-prefixed: no two contexts are alike.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from hashlib import sha256
from typing import TYPE_CHECKING

from shared.clock import as_utc, from_unix
from shared.errors import BadInput
from shared.ids import check_id

if TYPE_CHECKING:  # commands that only read names and hours start without it
    import numpy as np
    import numpy.typing as npt

SHARE_BYTES = 32
HOUR_S = 3600


class Modality(StrEnum):
    """What a code was made from; each has keys and a consent of its own."""

    FACE = "face"
    APPEARANCE = "appearance"


@dataclass(frozen=True, slots=True, order=True)
class Epoch:
    """One cell for one UTC hour: the validity of a key. `hour` counts hours since 1970."""

    cell: str
    hour: int

    def __post_init__(self) -> None:
        check_id(self.cell, "cell")
        if not 0 <= self.hour < 2**31:
            raise BadInput(f"no such hour: {self.hour}", hint="an hour counts hours since 1970 in UTC")

    @classmethod
    def at(cls, cell: str, moment: datetime) -> Epoch:
        return cls(cell, int(as_utc(moment).timestamp()) // HOUR_S)

    @property
    def start(self) -> datetime:
        return from_unix(self.hour * HOUR_S)

    @property
    def end(self) -> datetime:
        return from_unix((self.hour + 1) * HOUR_S)


@dataclass(frozen=True, slots=True)
class Shares:
    """One authority's two shares of one epoch; never printed."""

    code: bytes = field(repr=False)
    seal: bytes = field(repr=False)


def day_of(epoch: Epoch) -> date:
    """The UTC day whose secret an authority uses for this epoch."""
    return epoch.start.date()


class Part(StrEnum):
    """The two shares of an epoch: one for codes, one for seals. Nobody outside a box gets both."""

    CODE = "code"
    SEAL = "seal"


def derive_shares(day_secret: bytes, epoch: Epoch) -> Shares:
    """One authority's shares of `epoch` from its 32-byte secret of that day."""
    code, seal = (derive_parts(day_secret, part, epoch.cell, (epoch.hour,)) for part in (Part.CODE, Part.SEAL))
    return Shares(code, seal)


def derive_parts(day_secret: bytes, part: Part, cell: str, hours: Iterable[int]) -> bytes:
    """One authority's shares of one kind for one cell, 32 bytes an hour, joined; all `hours` of the secret's day.

    A fortnight of a city is 227,000 of them: no object is made for any.
    """
    _check_secret(day_secret)
    # HMAC written out (RFC 2104): what all hours of a cell have in common is hashed once, which is 2.6 times as fast.
    inner = sha256(_padded(day_secret, 0x36) + _fields(b"cairn/v1 " + part.encode(), check_id(cell, "cell").encode()))
    outer, shares = sha256(_padded(day_secret, 0x5C)), []
    for hour in hours:
        first, second = inner.copy(), outer.copy()
        first.update(b"\x00\x04" + hour.to_bytes(4, "big"))
        second.update(first.digest())
        shares.append(second.digest())
    return b"".join(shares)


def code_key(code_shares: Sequence[bytes], modality: Modality, model: str, epoch: Epoch) -> bytes:
    """The key of the code transform for one modality, model and epoch; `code_shares` in order of authority names."""
    context = _fields(modality.encode(), check_id(model, "model").encode(), epoch.cell.encode())
    return _combine(code_shares, b"cairn/v1 code key", context + epoch.hour.to_bytes(4, "big"))


def code_keys(
    shares: npt.NDArray[np.uint8], modality: Modality, model: str, cell: str, hours: Sequence[int]
) -> list[bytes]:
    """As `code_key`, for many hours of one cell: `shares` are uint8[hours, authorities, 32] in order of their names.

    Ten patients' probes of a city need 227,000 keys.
    """
    context = _fields(modality.encode(), check_id(model, "model").encode(), check_id(cell, "cell").encode())
    return _keys(shares, b"cairn/v1 code key", context, hours)


def seal_key(seal_shares: Sequence[bytes], node: str, epoch: Epoch) -> bytes:
    """The AES-256 key of one node's batches in one epoch; `seal_shares` in order of authority names."""
    context = _fields(check_id(node, "node").encode(), epoch.cell.encode())
    return _combine(seal_shares, b"cairn/v1 seal key", context + epoch.hour.to_bytes(4, "big"))


def seal_keys(shares: npt.NDArray[np.uint8], node: str, cell: str, hours: Sequence[int]) -> list[bytes]:
    """As `seal_key`, for many hours of one cell: `shares` are uint8[hours, authorities, 32] in order of their names."""
    context = _fields(check_id(node, "node").encode(), check_id(cell, "cell").encode())
    return _keys(shares, b"cairn/v1 seal key", context, hours)


def _keys(shares: npt.NDArray[np.uint8], label: bytes, context: bytes, hours: Sequence[int]) -> list[bytes]:
    """What `_combine` gives, with no object a key."""
    count, authorities, size = shares.shape
    if size != SHARE_BYTES or not authorities or count != len(hours):
        raise BadInput("no shares to make keys from", hint="fetch the shares of every authority first")
    start = _fields(label, authorities.to_bytes(1, "big")) + context
    raw, step = shares.tobytes(), authorities * size
    secrets = (raw[at : at + step] for at in range(0, len(raw), step))
    return [_hkdf(secret, start + hour.to_bytes(4, "big")) for secret, hour in zip(secrets, hours, strict=True)]


def _combine(shares: Sequence[bytes], label: bytes, context: bytes) -> bytes:
    if not shares:
        raise BadInput("no shares to make a key from", hint="fetch the shares of every authority first")
    for share in shares:
        _check_secret(share)
    info = _fields(label, len(shares).to_bytes(1, "big")) + context
    return _hkdf(b"".join(shares), info)


def _hkdf(secret: bytes, info: bytes) -> bytes:
    """HKDF-SHA256 (RFC 5869) without salt, for 32 bytes: a search needs one for each node and hour, and no object."""
    extracted = hmac.digest(bytes(SHARE_BYTES), secret, "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


def _check_secret(secret: bytes) -> None:
    if len(secret) != SHARE_BYTES:
        raise BadInput("a share or secret is not 32 bytes long", hint="fetch it again from its authority")


def _padded(secret: bytes, pad: int) -> bytes:
    return secret.ljust(64, b"\0").translate(_XOR[pad])


_XOR = {pad: bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C)}  # HMAC's two (RFC 2104)


def _fields(*fields: bytes) -> bytes:
    return b"".join(len(part).to_bytes(2, "big") + part for part in fields)
