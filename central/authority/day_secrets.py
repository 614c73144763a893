"""Day secrets: drawn from the system's randomness, derivable from nothing, wrapped under a key-encryption key."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from central.authority.kek import CannotUnwrap, KeyEncryptionKey
from central.authority.recent import RecentShares
from central.authority.tables import DaySecret
from central.database import writing
from shared.epochs import SHARE_BYTES, Epoch, Part, Shares, day_of, derive_parts, derive_shares
from shared.errors import Refused

_EPOCH_DAY: Final = date(1970, 1, 1)
_ONE_DAY: Final = timedelta(days=1)


class SecretDestroyed(Refused):
    """The day's secret no longer exists, and nothing can bring it back."""


class DaySecrets:
    """The vault of one authority. Not thread-safe on its own; the service holds a lock."""

    def __init__(self, authority: str, engine: Engine, key: KeyEncryptionKey) -> None:
        self._authority = authority
        self._engine = engine
        self._key = key
        self._recent = RecentShares()

    def shares(self, epochs: Iterable[Epoch]) -> dict[Epoch, Shares]:
        """This authority's shares of the epochs whose day's secret exists; the others are left out."""
        of_day: dict[date, list[Epoch]] = defaultdict(list)
        for epoch in epochs:
            of_day[day_of(epoch)].append(epoch)
        shares: dict[Epoch, Shares] = {}
        for day, secret in self._live(of_day).items():
            shares |= {epoch: derive_shares(secret, epoch) for epoch in of_day[day]}
        return shares

    def grid(
        self, part: Part, cells: Sequence[str], hours: Iterable[int]
    ) -> tuple[tuple[int, ...], npt.NDArray[np.uint8]]:
        """The hours whose day's secret exists, in order, and shares uint8[cells, those hours, 32] of one kind."""
        of_day: dict[date, list[int]] = defaultdict(list)
        for hour in sorted(set(hours)):
            of_day[day_of_hour(hour)].append(hour)
        # Unwrapped before anything is answered: without its key nothing is released, whatever is still remembered.
        opened = self._live(of_day)
        kept = tuple(hour for day in opened for hour in of_day[day])
        asked = tuple(cells), kept
        if (known := self._recent.get(part, asked)) is not None:
            return kept, known
        array = np.empty((len(cells), len(kept), SHARE_BYTES), np.uint8)
        at = 0
        for day, secret in opened.items():
            count = len(of_day[day])
            for row, cell in enumerate(cells):
                raw = derive_parts(secret, part, cell, of_day[day])
                array[row, at : at + count] = np.frombuffer(raw, np.uint8).reshape(count, SHARE_BYTES)
            at += count
        self._recent.put(part, asked, array)
        return kept, array

    def draw(self, day: date) -> None:
        """Make sure that a secret for `day` exists; SecretDestroyed when it once did and no longer does."""
        with Session(self._engine) as session:
            row = session.get(DaySecret, day)
        if row is not None and row.wrapped is None:
            raise _gone(day)
        if row is not None:
            return
        wrapped = self._key.wrap(secrets.token_bytes(SHARE_BYTES), self._context(day))
        with writing(self._engine) as session:
            # Asked again under the lock: a command beside us may have drawn or destroyed it, and two draws would
            # give two keys to one hour.
            row = session.get(DaySecret, day)
            if row is None:
                session.add(DaySecret(day=day, wrapped=wrapped, key_id=self._key.id))
                session.commit()
            elif row.wrapped is None:
                raise _gone(day)

    def destroy(self, session: Session, day: date, now: datetime) -> datetime:
        """Overwrite the day's secret within the caller's transaction; a day without one is marked, and never drawn.

        Returns when it was destroyed: now, or earlier. The caller commits, and then calls tables.wipe_journal.
        """
        self._recent.forget()
        row = session.get(DaySecret, day) or DaySecret(day=day)
        row.wrapped, row.destroyed_at = None, row.destroyed_at or now
        session.add(row)
        return row.destroyed_at

    def rewrap(self, new: KeyEncryptionKey) -> int:
        """Move every live secret under `new`, all of them or none; returns how many. Then open with `new`.

        A second run after a crash finds them moved and does nothing. Raises CannotUnwrap, TokenAway, WrongPin.
        """
        with writing(self._engine) as session:
            rows = [row for row in session.exec(select(DaySecret)) if row.wrapped and row.key_id != new.id]
            for row in rows:
                row.wrapped, row.key_id = new.wrap(self._unwrapped(row), self._context(row.day)), new.id
                session.add(row)
            session.commit()
        return len(rows)

    def days(self) -> list[date]:
        """The days whose secrets exist, in order."""
        with Session(self._engine) as session:
            live = select(col(DaySecret.day)).where(col(DaySecret.wrapped).is_not(None)).order_by(col(DaySecret.day))
            return list(session.exec(live))

    def destroyed(self) -> dict[date, datetime]:
        """The days whose secrets were destroyed, and when."""
        with Session(self._engine) as session:
            rows = session.exec(select(DaySecret).where(col(DaySecret.wrapped).is_(None)))
            return {row.day: row.destroyed_at for row in rows if row.destroyed_at}

    def check(self) -> int:
        """Unwrap every live secret and forget it; returns how many. Raises CannotUnwrap, TokenAway, WrongPin."""
        return len(self._live(self.days()))

    def _live(self, days: Collection[date]) -> dict[date, bytes]:
        """The secrets of those of the days that have one, in order, in one question: a city's search asks often."""
        with Session(self._engine) as session:
            wanted = col(DaySecret.wrapped).is_not(None) & col(DaySecret.day).in_(days)
            rows = session.exec(select(DaySecret).where(wanted).order_by(col(DaySecret.day))).all()
        return {row.day: self._unwrapped(row) for row in rows}

    def _unwrapped(self, row: DaySecret) -> bytes:
        if row.key_id and row.key_id.split(":")[0] != self._key.id.split(":")[0]:
            hint = "configure the key that it was, or move them with: cairn-central authority rewrap"
            raise CannotUnwrap(f"the day secrets are wrapped under another kind of key ({row.key_id})", hint=hint)
        secret = self._key.unwrap(row.wrapped or b"", self._context(row.day))
        if len(secret) != SHARE_BYTES:
            hint = "restore nothing over it: destroy this day, and ask who wrote to the database"
            raise CannotUnwrap(f"the secret of {row.day.isoformat()} has another length", hint=hint)
        return secret

    def _context(self, day: date) -> bytes:
        return f"cairn/v1 day secret {self._authority} {day.isoformat()}".encode()


def day_of_hour(hour: int) -> date:
    """The UTC day of an hour since 1970."""
    return _EPOCH_DAY + hour // 24 * _ONE_DAY  # without a moment in between: a release asks for hundreds of hours


def _gone(day: date) -> SecretDestroyed:
    return SecretDestroyed(f"There is no secret for {day.isoformat()}.", hint="That day cannot be opened again.")
