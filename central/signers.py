"""What is stored of a person's public key, turned into something that checks signatures."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from shared.errors import BadInput
from shared.keys import KEY_BYTES, signing_public
from shared.releases import Verifier


def verifier(raw: bytes) -> Verifier:
    """A raw Ed25519 public key, 32 bytes, or a passkey's public form. BadInput for anything else."""
    if not raw:
        hint = "make a key file with cairn-central account key, or enrol a passkey on the page Your key"
        raise BadInput("no signing key is registered for this account", hint=hint)
    if len(raw) == KEY_BYTES:
        return signing_public(raw)
    from central.accounts.passkeys import passkey_from_bytes  # noqa: PLC0415  (who only has key files loads no CBOR)

    return passkey_from_bytes(raw)


def kind_of(raw: bytes) -> str:
    """What holds the private half: file, passkey, or none while nothing is registered."""
    if not raw:
        return "none"
    return "file" if len(raw) == KEY_BYTES else "passkey"


def read_signer(path: Path) -> bytes:
    """A person's public key from its file, key file or passkey. Raises BadInput when it is missing or is none."""
    try:
        with path.open("rb") as file:
            raw = file.read(1 << 16)
    except OSError as error:
        raise BadInput(f"cannot read the key {path}: {error.strerror}", hint="check the path and its owner") from None
    verifier(raw or bytes(1))
    return raw


def fingerprint(raw: bytes) -> str:
    """What people compare by telephone: 80 bits of SHA-256 of a public key, in groups of four."""
    digits = sha256(raw).hexdigest()[:20]
    return "-".join(digits[at : at + 4] for at in range(0, 20, 4))
