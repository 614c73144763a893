"""How the centre and the probe service ask an authority: the same calls in one process or over TLS."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Protocol

import httpx

from central.authority.clock_guard import ClockInDoubt
from central.authority.day_secrets import SecretDestroyed
from central.authority.kek import CannotUnwrap, TokenAway, WrongPassphrase, WrongPin, WrongToken
from central.authority.limits import CaseWithdrawn, PurposeLocked, TooManyCases, TooManyProbes
from central.authority.released import Recipient
from central.authority.self_check import BadServiceKey, FilesOpen, LogBroken
from central.authority.statements import Destruction, statement_from_map
from central.cases.bases import BasisRefused
from central.errors import LogRolledBack, ServiceDown, WrongCaller
from central.tls import Tls
from shared.clock import Clock, SystemClock, as_utc
from shared.errors import (
    BadEmbedding,
    BadIdentifier,
    BadInput,
    BadRelease,
    CairnError,
    CannotOpen,
    Refused,
    ReleaseRefused,
    TransportDown,
)

TIMEOUT_S = 30.0
CONNECT_S = 3.0  # an office whose machine is gone must not keep a withdrawal waiting
# An answer may be a fortnight of a city: 7 MB that take a second to make.
RELEASE_TIMEOUT_S = 120.0
# Offices whose clocks differ by more would refuse each other's windows, days and approvals one by one.
CLOCKS_DIFFER = timedelta(minutes=5)
# Refusals that travel by name and come out as what they were.
_TRAVEL: tuple[type[CairnError], ...] = (
    ReleaseRefused,
    BasisRefused,
    PurposeLocked,
    CaseWithdrawn,
    TooManyCases,
    TooManyProbes,
    SecretDestroyed,
    ClockInDoubt,
    LogBroken,
    LogRolledBack,
    FilesOpen,
    BadServiceKey,
    CannotUnwrap,
    WrongPassphrase,
    WrongToken,
    WrongPin,
    TokenAway,
    WrongCaller,
    BadRelease,
    BadEmbedding,
    BadIdentifier,
    CannotOpen,
)
KINDS = {kind.__name__: kind for kind in (*_TRAVEL, TransportDown, ServiceDown)}


class ClocksDisagree(ServiceDown):
    """An authority answers, and its clock is not where ours is."""


class Releases(Protocol):
    """Whatever releases shares: the Authority itself, or an AuthorityClient."""

    name: str

    def release(self, release_bytes: bytes, recipient: Recipient, public: bytes, cells: Sequence[str] = ()) -> bytes:
        """Sealed shares of the cell-hours in scope, or only of some of its cells: a worker gets what it searches."""

    def withdraw(self, case: str) -> None: ...

    def ended(self, cases: Iterable[str]) -> list[str]:
        """Which of these cases were withdrawn there."""

    def canary(self, day: date, public: bytes) -> bytes:
        """The sealed share of the day's canary. Raises SecretDestroyed when the day is gone."""

    def statements(self) -> list[Destruction]:
        """Its signed statements of destroyed days; whoever reads them verifies them."""

    @property
    def public(self) -> bytes:
        """Raw Ed25519: what its statements are verified with."""

    def check_up(self) -> None:
        """Return when the other side is there; raises ServiceDown when it is not."""


@dataclass(slots=True)
class AuthorityClient:
    """One authority over HTTP. Raises ReleaseRefused or BadRelease as it says, ServiceDown when it is away."""

    name: str
    http: httpx.Client
    clock: Clock = field(default_factory=SystemClock)

    def release(self, release_bytes: bytes, recipient: Recipient, public: bytes, cells: Sequence[str] = ()) -> bytes:
        texts = {"release": _text(release_bytes), "recipient": recipient.value, "public_key": _text(public)}
        body: dict[str, Any] = texts | ({"cells": list(cells)} if cells else {})
        return self._ask("POST", "/release", body, RELEASE_TIMEOUT_S).content

    def withdraw(self, case: str) -> None:
        self._ask("POST", "/withdraw", {"case": case})

    def ended(self, cases: Iterable[str]) -> list[str]:
        said = self._said(self._ask("POST", "/ended", {"cases": sorted(cases)}), dict)
        return [str(case) for case in said.get("ended", [])]

    def canary(self, day: date, public: bytes) -> bytes:
        return self._ask("POST", "/canary", {"day": day.isoformat(), "public_key": _text(public)}).content

    def statements(self) -> list[Destruction]:
        return [statement_from_map(one) for one in self._said(self._ask("GET", "/statements"), list)]

    @property
    def public(self) -> bytes:
        try:
            return base64.b64decode(self._health()["public_key"], validate=True)
        except (KeyError, TypeError, ValueError):
            raise self._strange() from None

    def check_up(self) -> None:
        """Raises ServiceDown kinds, ClocksDisagree and ClockInDoubt, each of which names this authority."""
        said = self._health()
        if said.get("status") != "ok":
            hint = "that office looks at its clock and says: cairn-central authority clock accept"
            raise ClockInDoubt(f"authority {self.name}: {said.get('status')}", hint=hint)
        try:
            off = as_utc(datetime.fromisoformat(said["now"])) - self.clock.now()
        except (KeyError, TypeError, ValueError, CairnError):
            raise self._strange() from None
        if abs(off) > CLOCKS_DIFFER:
            hint = "set the wrong one of the two right; nothing is asked of an office in another time"
            minutes = round(off.total_seconds() / 60)
            raise ClocksDisagree(f"the clock of authority {self.name} is {minutes:+} min from ours", hint=hint)

    def _health(self) -> dict[str, Any]:
        said: dict[str, Any] = self._said(self._ask("GET", "/health"), dict)
        if said.get("authority") != self.name:
            hint = "compare the names and addresses in the settings"
            raise ServiceDown(f"another service answers in place of authority {self.name}", hint=hint)
        return said

    def _said(self, answer: httpx.Response, kind: type[Any]) -> Any:
        try:
            said = answer.json()
        except ValueError:
            raise self._strange() from None
        if not isinstance(said, kind):
            raise self._strange()
        return said

    def _strange(self) -> ServiceDown:
        return ServiceDown(f"authority {self.name} answers in another form", hint="compare the versions")

    def _ask(self, method: str, path: str, body: Any = None, timeout_s: float = TIMEOUT_S) -> httpx.Response:
        timeout = httpx.Timeout(timeout_s, connect=CONNECT_S)
        request = self.http.build_request(method, path, json=body, timeout=timeout)
        return checked(f"authority {self.name}", self.http, request)


def client(url: str, tls: Tls | None) -> httpx.Client:
    """A client that proves who it is with a certificate and trusts only the CA of `tls`; without it, in the clear.

    Raises BadInput for a clear address beyond this machine, and for TLS files that cannot be used.
    """
    host, timeout = httpx.URL(url).host, httpx.Timeout(TIMEOUT_S, connect=CONNECT_S)
    if tls is None:
        if httpx.URL(url).scheme != "https" and host not in {"127.0.0.1", "::1", "localhost"}:
            raise BadInput(f"{host} would be asked without TLS", hint="set ca, certificate and key")
        return httpx.Client(base_url=url, timeout=timeout)
    try:
        context = ssl.create_default_context(cafile=str(tls.ca) if tls.ca else None)
        context.load_cert_chain(tls.certificate, tls.key)
    except (OSError, ssl.SSLError):
        hint = "check ca, certificate and key in the settings"
        raise BadInput(f"the TLS files for {host} cannot be used", hint=hint) from None
    return httpx.Client(base_url=url, verify=context, timeout=timeout)


def checked(
    who: str, http: httpx.Client, request: httpx.Request, kinds: Mapping[str, type[CairnError]] = KINDS
) -> httpx.Response:
    """Send, and turn an error answer into the error that it stands for; `kinds` are the names that are known."""
    try:
        answer = http.send(request)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        hint = "the case waits: check that its process runs, and its address, then try again"
        raise ServiceDown(f"{who} does not answer", hint=hint) from error
    if answer.is_success:
        return answer
    raise _refusal(who, answer, {**KINDS, **kinds})


def _refusal(who: str, answer: httpx.Response, kinds: Mapping[str, type[CairnError]]) -> CairnError:
    try:
        said = answer.json()
        name, message, hint = str(said["error"]), f"{who}: {said['message']}", str(said["hint"])
    except (ValueError, KeyError, TypeError):
        name, message, hint = "", f"{who} answered {answer.status_code}", "look into its log"
    fallback = Refused if answer.status_code == 403 else BadRelease if answer.status_code < 500 else ServiceDown
    return kinds.get(name, fallback)(message, hint=hint)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
