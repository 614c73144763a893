"""Day secrets: drawn from the system's randomness, derivable from nothing, wrapped under a passphrase."""

from __future__ import annotations

import os
import secrets
from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from sqlalchemy import Engine
from sqlmodel import Session, select

from central.authority.tables import DaySecret, KeyEncryption
from shared.epochs import SHARE_BYTES, Epoch, Shares, day_of, derive_shares
from shared.errors import BadInput, Refused

SCRYPT_N = 2**15  # 32 MB and about a tenth of a second, paid once at start
MIN_PASSPHRASE = 16
NONCE_BYTES = 12


class SecretDestroyed(Refused):
    """The day's secret no longer exists, and nothing can bring it back."""


class WrongPassphrase(BadInput):
    """The passphrase does not open the stored secrets."""


def read_passphrase(path: Path) -> bytes:
    """The passphrase in a file; BadInput when it is missing, short or a placeholder."""
    try:
        passphrase = path.read_bytes().strip()
    except OSError as error:
        raise BadInput("The passphrase file cannot be read.", hint="Set passphrase_file.") from error
    if len(passphrase) < MIN_PASSPHRASE or passphrase.lower().startswith((b"change", b"placeholder")):
        raise BadInput("The passphrase is short or a placeholder.", hint="Use 16 or more random characters.")
    return passphrase


class DaySecrets:
    """The vault of one authority. Not thread-safe on its own; the service holds a lock."""

    def __init__(self, authority: str, engine: Engine, passphrase: bytes) -> None:
        self._authority = authority
        self._engine = engine
        self._wrap = AESGCM(_key_encryption_key(engine, passphrase))

    def shares(self, epochs: Iterable[Epoch]) -> dict[Epoch, Shares]:
        """This authority's shares of the epochs whose day's secret exists; the others are left out."""
        of_day: dict[date, list[Epoch]] = defaultdict(list)
        for epoch in epochs:
            of_day[day_of(epoch)].append(epoch)
        shares: dict[Epoch, Shares] = {}
        for day in of_day.keys() & set(self.days()):
            secret = self._secret(day)
            shares |= {epoch: derive_shares(secret, epoch) for epoch in of_day[day]}
        return shares

    def draw(self, day: date) -> None:
        """Make sure that a secret for `day` exists; SecretDestroyed when it once did and no longer does."""
        with Session(self._engine) as session:
            row = session.get(DaySecret, day)
            if row is not None and row.wrapped is None:
                raise _gone(day)
            if row is None:
                session.add(DaySecret(day=day, wrapped=self._wrapped(day)))
                session.commit()

    def destroy(self, day: date, now: datetime) -> None:
        """Overwrite the day's secret; a day without one is marked too, so that it is never drawn."""
        with Session(self._engine) as session:
            # A rollback journal on disk would hold the old page, secret and all, until its blocks are reused.
            session.connection().exec_driver_sql("PRAGMA journal_mode=MEMORY")
            row = session.get(DaySecret, day) or DaySecret(day=day)
            row.wrapped, row.destroyed_at = None, row.destroyed_at or now
            session.add(row)
            session.commit()
            session.connection().exec_driver_sql("PRAGMA journal_mode=DELETE")

    def days(self) -> list[date]:
        """The days whose secrets exist."""
        with Session(self._engine) as session:
            rows = session.exec(select(DaySecret)).all()
        return [row.day for row in rows if row.wrapped is not None]

    def _secret(self, day: date) -> bytes:
        with Session(self._engine) as session:
            row = session.get(DaySecret, day)
        if row is None or row.wrapped is None:
            raise _gone(day)
        nonce, sealed = row.wrapped[:NONCE_BYTES], row.wrapped[NONCE_BYTES:]
        try:
            return self._wrap.decrypt(nonce, sealed, self._context(day))
        except InvalidTag as error:
            raise WrongPassphrase("A day secret does not unwrap.", hint="Check the passphrase.") from error

    def _wrapped(self, day: date) -> bytes:
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._wrap.encrypt(nonce, secrets.token_bytes(SHARE_BYTES), self._context(day))

    def _context(self, day: date) -> bytes:
        return f"cairn/v1 day secret {self._authority} {day.isoformat()}".encode()


def _key_encryption_key(engine: Engine, passphrase: bytes) -> bytes:
    with Session(engine) as session:
        row = session.get(KeyEncryption, 1)
        if row is None:
            row = KeyEncryption(salt=secrets.token_bytes(16))
            session.add(row)
            session.commit()
        return Scrypt(row.salt, 32, n=SCRYPT_N, r=8, p=1).derive(passphrase)


def _gone(day: date) -> SecretDestroyed:
    return SecretDestroyed(f"There is no secret for {day.isoformat()}.", hint="That day cannot be opened again.")
