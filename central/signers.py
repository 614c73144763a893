"""What is stored of a person's public key, turned into something that checks signatures."""

from __future__ import annotations

from shared.keys import signing_public
from shared.releases import Verifier


def verifier(raw: bytes) -> Verifier:
    """A raw Ed25519 public key, 32 bytes. BadInput for anything else."""
    return signing_public(raw)
