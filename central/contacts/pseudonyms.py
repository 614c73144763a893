"""Names for people whose names nobody knows: the same within one case, and worth nothing in any other."""

from __future__ import annotations

import base64
import hmac

from central.search.candidates import Candidate, Partner
from shared.sightings import parse_sighting_id, sighting_id

_LETTERS = 8  # of base32: 40 bits, so that a thousand contacts of one case have one name in two with P < 1e-6


def pseudonym(key: bytes, whom: str) -> str:
    """A short name of `whom` under the case's random key (HMAC-SHA256, RFC 2104); without the key none leads back."""
    digest = hmac.digest(key, b"cairn/v1 pseudonym\0" + whom.encode(), "sha256")
    return base64.b32encode(digest)[:_LETTERS].decode()


def whom(candidate: Candidate, partner: Partner) -> str:
    """Who a partner is, as far as can be told: one person of a cell-hour where the search linked sightings, else the
    partner's sighting alone. Never leaves the centre's memory; its pseudonym does."""
    if partner.person is not None:
        return f"person {candidate.epoch.cell} {partner.person}"
    node, boot, _ = parse_sighting_id(candidate.sighting)
    return f"sighting {sighting_id(node, boot, partner.number)}"
