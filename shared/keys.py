"""Key files, and sealing to a public key (HPKE, RFC 9180: X25519, HKDF-SHA256, ChaCha20-Poly1305)."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from shared.errors import BadInput, CannotOpen

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
KEY_BYTES = 32


def seal_to(public: X25519PublicKey, info: bytes, plain: bytes) -> bytes:
    """`plain` for the holder of one private key; `info` binds it to its purpose and must be given again to open."""
    return _SUITE.encrypt(plain, public, info=info)


def open_sealed(private: X25519PrivateKey, info: bytes, sealed: bytes) -> bytes:
    """Raises CannotOpen when it was sealed to another key or purpose, or changed on the way."""
    try:
        return _SUITE.decrypt(sealed, private, info=info)
    except (InvalidTag, ValueError):
        hint = "check that it was sealed to this key and for this purpose"
        raise CannotOpen("a sealed message does not open", hint=hint) from None


def write_key(path: Path, key: Ed25519PrivateKey | X25519PrivateKey) -> None:
    """A new file with the raw private key, readable by its owner only. Refuses to overwrite."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise BadInput(f"{path} exists already", hint="keep it, or move it away before making a new key") from None
    with os.fdopen(handle, "wb") as file:
        file.write(key.private_bytes_raw())
        file.flush()
        os.fsync(file.fileno())


def read_signing_key(path: Path) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(_read(path))


def read_sealing_key(path: Path) -> X25519PrivateKey:
    return X25519PrivateKey.from_private_bytes(_read(path))


def read_public(path: Path) -> bytes:
    """A raw public key from its file; BadInput when it is missing or of another length."""
    return _read(path)


def signing_public(raw: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(_exactly(raw, "a public signing key"))


def sealing_public(raw: bytes) -> X25519PublicKey:
    return X25519PublicKey.from_public_bytes(_exactly(raw, "a public sealing key"))


def _read(path: Path) -> bytes:
    try:
        return _exactly(path.read_bytes(), str(path))
    except OSError as error:
        raise BadInput(f"cannot read the key {path}: {error.strerror}", hint="check the path and its owner") from None


def _exactly(raw: bytes, what: str) -> bytes:
    if len(raw) != KEY_BYTES:
        raise BadInput(f"{what} is not {KEY_BYTES} bytes long", hint="give the raw key as it was written")
    return raw
