"""How the centre and the probe service ask an authority: the same calls in one process or over TLS."""

from __future__ import annotations

import base64
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import httpx

from central.authority.released import Recipient
from shared.errors import BadRelease, ReleaseRefused, TransportDown

TIMEOUT_S = 30.0


class Releases(Protocol):
    """Whatever releases shares: the Authority itself, or an AuthorityClient."""

    name: str

    def release(self, release_bytes: bytes, recipient: Recipient, public: bytes) -> bytes: ...

    def withdraw(self, case: str) -> None: ...


@dataclass(slots=True)
class AuthorityClient:
    """One authority over HTTP. Raises ReleaseRefused or BadRelease as it says, TransportDown when it is away."""

    name: str
    http: httpx.Client

    def release(self, release_bytes: bytes, recipient: Recipient, public: bytes) -> bytes:
        body = {"release": _text(release_bytes), "recipient": recipient.value, "public_key": _text(public)}
        return self._post("/release", body).content

    def withdraw(self, case: str) -> None:
        self._post("/withdraw", {"case": case})

    def _post(self, path: str, body: dict[str, str]) -> httpx.Response:
        return checked(f"Authority {self.name}", self.http, self.http.build_request("POST", path, json=body))


def tls_client(name: str, url: str, ca: Path, certificate: Path, key: Path) -> AuthorityClient:
    """A client that proves who it is with a certificate, and trusts only `ca`."""
    context = ssl.create_default_context(cafile=str(ca))
    context.load_cert_chain(certificate, key)
    return AuthorityClient(name, httpx.Client(base_url=url, verify=context, timeout=TIMEOUT_S))


def plain_client(name: str, url: str) -> AuthorityClient:
    """A client without TLS, for services on one machine only."""
    return AuthorityClient(name, httpx.Client(base_url=url, timeout=TIMEOUT_S))


def checked(who: str, http: httpx.Client, request: httpx.Request) -> httpx.Response:
    """Send, and turn an error answer into the error that it stands for."""
    try:
        answer = http.send(request)
    except httpx.TransportError as error:
        raise TransportDown(f"{who} does not answer.", hint="Check that its process runs, and its address.") from error
    if answer.is_success:
        return answer
    raise _refusal(who, answer)


def _refusal(who: str, answer: httpx.Response) -> ReleaseRefused | BadRelease | TransportDown:
    try:
        said = answer.json()
        message, hint = f"{who}: {said['message']}", str(said["hint"])
    except (ValueError, KeyError, TypeError):
        message, hint = f"{who} answered {answer.status_code}.", "Look into its log."
    if answer.status_code == 403:
        return ReleaseRefused(message, hint=hint)
    if answer.status_code < 500:
        return BadRelease(message, hint=hint)
    return TransportDown(message, hint=hint)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
