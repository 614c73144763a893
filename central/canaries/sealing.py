"""One canary: a real batch with one made-up sighting, sealed under the reserved cell's keys and opened like any."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import date, timedelta
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.authority.registry import CANARY_CELL
from central.authority.service import canary_epoch
from shared.batches import SCHEMA_VERSION, BatchKeys, Header, open_batch, read_batch, seal_batch
from shared.codes import FACE_BITS
from shared.epochs import seal_key
from shared.errors import CairnError
from shared.face_mask import FaceMask
from shared.sightings import Sighting

_MODEL = "none"


def seal_canary(day: date, shares: Mapping[str, bytes]) -> tuple[bytes, bytes]:
    """The sealed batch, and SHA-256 of the code in it. `shares` are the authorities' seal shares by name.

    It is signed with a key that nobody keeps: whoever could sign another would not thereby be able to open this one.
    """
    epoch, code = canary_epoch(day), secrets.token_bytes(FACE_BITS // 8)
    sighting = Sighting(
        number=0, camera=CANARY_CELL, start=epoch.start, end=epoch.start + timedelta(seconds=1), face_code=code,
        appearance_code=None, mask=FaceMask.UNKNOWN, quality=0.0, east_m=None, north_m=None,
    )  # fmt: skip
    models, masks = {"face": _MODEL, "appearance": _MODEL}, (0, 0, 0, 1)
    header = Header(SCHEMA_VERSION, CANARY_CELL, 1, 0, 1, epoch.cell, epoch.hour, -1, models, 1, masks)
    keys = BatchKeys(_key(day, shares), Ed25519PrivateKey.generate())
    return seal_batch(header, [sighting], [], keys, 0), sha256(code).digest()


def opens(day: date, sealed: bytes, digest: bytes, shares: Mapping[str, bytes]) -> bool:
    """Whether the canary opens with these shares, to the code that was sealed in it."""
    try:
        columns = open_batch(read_batch(sealed), _key(day, shares))
    except CairnError:
        return False
    return sha256(columns.face[0].tobytes()).digest() == digest


def _key(day: date, shares: Mapping[str, bytes]) -> bytes:
    return seal_key([shares[name] for name in sorted(shares)], CANARY_CELL, canary_epoch(day))
