"""Make the key files that people and services need. What exists is kept: making it again changes nothing."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from shared.errors import BadInput
from shared.keys import read_sealing_key, read_signing_key, write_key


def make_key(kind: str, path: Path) -> dict[str, str]:
    """`kind` is signing (Ed25519), sealing (X25519) or passphrase. Private: 0600; FILE.pub holds the raw public key."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "passphrase":
            return _passphrase(path)
        if not path.exists():
            write_key(path, Ed25519PrivateKey.generate() if kind == "signing" else X25519PrivateKey.generate())
        private = read_signing_key(path) if kind == "signing" else read_sealing_key(path)
        public = path.with_name(path.name + ".pub")
        public.write_bytes(private.public_key().public_bytes_raw())
    except OSError as error:
        raise BadInput(f"cannot write {path}: {error.strerror}", hint="check the folder and its owner") from None
    return {"private": str(path), "public": str(public)}


def write_secret(path: Path, text: str) -> None:
    """A file that only its owner may read, from its first byte on."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")


def _passphrase(path: Path) -> dict[str, str]:
    if not path.exists():
        write_secret(path, secrets.token_urlsafe(32))
    return {"passphrase": str(path)}
