"""The key-encryption key that day secrets are wrapped under, behind one small protocol: a passphrase, or a token."""

from __future__ import annotations

import os
import secrets
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from sqlalchemy import Engine
from sqlmodel import Session

from central.authority.tables import KeyEncryption
from shared.errors import BadInput, TransportDown

# Of a database made now: 32 MB and about a tenth of a second, paid once at start. A database keeps its own.
SCRYPT_N = 2**15
MIN_PASSPHRASE = 16
NONCE_BYTES = 12


class CannotUnwrap(BadInput):
    """A stored day secret does not unwrap under this key: another key, another day, or changed bytes."""


class WrongPassphrase(CannotUnwrap):
    """The passphrase does not open the stored secrets."""


class WrongToken(CannotUnwrap):
    """The token that answers does not hold the key that the secrets are wrapped under."""


class WrongPin(BadInput):
    """The token refuses the PIN. It is not tried again: a token locks itself after a few."""


class TokenAway(TransportDown):
    """The token, its driver or its key cannot be reached just now."""


class KeyEncryptionKey(Protocol):
    """Wraps small secrets; `context` says what a secret is and must be given again. `id` tells one key from another."""

    @property
    def id(self) -> str:
        """Raises TokenAway or WrongPin when the key lies in a token that does not answer."""

    def wrap(self, secret: bytes, context: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Raises CannotUnwrap kinds, and TokenAway or WrongPin."""


class PassphraseKey:
    """AES-256-GCM under a key that scrypt makes from a passphrase and the database's salt."""

    def __init__(self, salt: bytes, passphrase: bytes, scrypt_n: int) -> None:
        key = Scrypt(salt, 32, n=scrypt_n, r=8, p=1).derive(passphrase)
        self._cipher = AESGCM(key)
        # Tells two passphrases apart without helping to guess one: it costs the same scrypt.
        self.id = "passphrase:" + sha256(b"cairn/v1 key check" + key).hexdigest()[:16]

    def wrap(self, secret: bytes, context: bytes) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, secret, context)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        try:
            return self._cipher.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], context)
        except InvalidTag:
            raise WrongPassphrase("A day secret does not unwrap.", hint="Check the passphrase file.") from None


def passphrase_key(engine: Engine, path: Path) -> PassphraseKey:
    """The key of this database's salt and the passphrase in a file. Raises BadInput as read_passphrase does."""
    passphrase = read_passphrase(path)
    with Session(engine) as session:
        row = session.get(KeyEncryption, 1)
        if row is None:
            row = KeyEncryption(salt=secrets.token_bytes(16), scrypt_n=SCRYPT_N)
            session.add(row)
            session.commit()
        return PassphraseKey(row.salt, passphrase, row.scrypt_n)


def read_passphrase(path: Path) -> bytes:
    """The passphrase in a file; BadInput when it is missing, short or a placeholder."""
    passphrase = read_secret(path, "passphrase")
    if len(passphrase) < MIN_PASSPHRASE or passphrase.lower().startswith((b"change", b"placeholder")):
        raise BadInput("The passphrase is short or a placeholder.", hint="Use 16 or more random characters.")
    return passphrase


def read_secret(path: Path, what: str) -> bytes:
    """A secret's file without the line's end; BadInput when there is none or nothing in it."""
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise BadInput(f"The {what} file cannot be read ({error.strerror}).", hint=f"Set {what}_file.") from None
    if not secret:
        raise BadInput(f"The {what} file is empty.", hint="Write the secret into it, and nothing else.")
    return secret
