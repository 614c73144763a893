"""How the centre and the probe service ask an authority: the same calls in one process or over TLS."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import httpx

from central.authority.released import Recipient
from central.errors import ServiceDown, WrongCaller
from central.tls import Tls
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
# Refusals that travel by name and come out as what they were.
_TRAVEL: tuple[type[CairnError], ...] = (
    ReleaseRefused,
    WrongCaller,
    BadRelease,
    BadEmbedding,
    BadIdentifier,
    CannotOpen,
)
_KINDS = {kind.__name__: kind for kind in (*_TRAVEL, TransportDown, ServiceDown)}


class Releases(Protocol):
    """Whatever releases shares: the Authority itself, or an AuthorityClient."""

    name: str

    def release(self, release_bytes: bytes, recipient: Recipient, public: bytes) -> bytes: ...

    def withdraw(self, case: str) -> None: ...

    def check_up(self) -> None:
        """Return when the other side is there; raises ServiceDown when it is not."""


@dataclass(slots=True)
class AuthorityClient:
    """One authority over HTTP. Raises ReleaseRefused or BadRelease as it says, ServiceDown when it is away."""

    name: str
    http: httpx.Client

    def release(self, release_bytes: bytes, recipient: Recipient, public: bytes) -> bytes:
        body = {"release": _text(release_bytes), "recipient": recipient.value, "public_key": _text(public)}
        return self._ask("POST", "/release", body).content

    def withdraw(self, case: str) -> None:
        self._ask("POST", "/withdraw", {"case": case})

    def check_up(self) -> None:
        said = self._ask("GET", "/health").json()
        if said.get("authority") != self.name:
            hint = "compare the names and addresses in the settings"
            raise ServiceDown(f"another service answers in place of authority {self.name}", hint=hint)

    def _ask(self, method: str, path: str, body: dict[str, str] | None = None) -> httpx.Response:
        return checked(f"authority {self.name}", self.http, self.http.build_request(method, path, json=body))


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
    who: str, http: httpx.Client, request: httpx.Request, kinds: Mapping[str, type[CairnError]] = _KINDS
) -> httpx.Response:
    """Send, and turn an error answer into the error that it stands for; `kinds` are the names that are known."""
    try:
        answer = http.send(request)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        hint = "the case waits: check that its process runs, and its address, then try again"
        raise ServiceDown(f"{who} does not answer", hint=hint) from error
    if answer.is_success:
        return answer
    raise _refusal(who, answer, {**_KINDS, **kinds})


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
