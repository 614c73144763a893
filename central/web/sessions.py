"""Who is signed in to the pages: opaque random names in a cookie, everything else in this process's memory.

A restart signs everybody out, and nothing of a session is ever on a disk.
"""

from __future__ import annotations

import hmac
import secrets
import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from sqlmodel import Session

from central.accounts.service import as_of, is_live
from central.accounts.tables import Account
from central.errors import NotSignedIn

IDLE: Final = timedelta(minutes=30)
LONGEST: Final = timedelta(hours=8)
MOST_OF_ONE: Final = 5


@dataclass(frozen=True, slots=True)
class WebSession:
    """One browser of one account. `form_key` is in every form that it was given; `token_hash` is the account's then."""

    account: str
    token_hash: bytes = field(repr=False)
    form_key: str = field(repr=False)
    began: datetime
    seen: datetime


class Sessions:
    """Thread-safe; kept by the hash of the cookie, so that not even a memory dump holds one that could be used."""

    def __init__(self) -> None:
        self._of: dict[bytes, WebSession] = {}
        self._lock = threading.Lock()

    def begin(self, account: Account, now: datetime) -> str:
        """The cookie of a new session. An account's oldest ends when it has MOST_OF_ONE."""
        name = secrets.token_urlsafe(32)
        with self._lock:
            self._of = {key: one for key, one in self._of.items() if _lives(one, now)}
            own = sorted((one.began, key) for key, one in self._of.items() if one.account == account.name)
            for _, key in own[: max(0, len(own) - MOST_OF_ONE + 1)]:
                del self._of[key]
            fresh = WebSession(account.name, account.token_hash, secrets.token_urlsafe(32), now, now)
            self._of[_hash(name)] = fresh
        return name

    def find(self, name: str, session: Session, now: datetime) -> tuple[WebSession, Account]:
        """The session of a cookie and its account as it is now, apart from the database's session. Raises NotSignedIn.

        It ends when unused, after a working day, and when the account or its token ends or has another token.
        """
        key = _hash(name)
        with self._lock:
            found = self._of.get(key)
            if found is None or not _lives(found, now):
                self._of.pop(key, None)
                raise NotSignedIn("nobody is signed in here", hint="sign in with your token")
            found = self._of[key] = replace(found, seen=now)
        account = session.get(Account, found.account)
        if account is None or not _good(account, found.token_hash, now):
            self.end(name)
            raise NotSignedIn("this token is no longer valid", hint="sign in with your new token")
        return found, as_of(session, account, now)

    def end(self, name: str) -> None:
        """Sign out; harmless when there is no such session."""
        with self._lock:
            self._of.pop(_hash(name), None)


def _good(account: Account, token_hash: bytes, now: datetime) -> bool:
    same = hmac.compare_digest(account.token_hash, token_hash)
    return same and is_live(account, now) and (account.token_until is None or now < account.token_until)


def _lives(one: WebSession, now: datetime) -> bool:
    return now - one.seen < IDLE and now - one.began < LONGEST


def _hash(name: str) -> bytes:
    return sha256(name.encode()).digest()
