"""Serving over TLS, and knowing the name in the certificate of whoever calls."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import uvicorn
from fastapi import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from central.errors import WrongCaller
from central.tls import Tls
from shared.errors import BadInput

_LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})
_PEER = "cairn.peer"


class NamedPeer(H11Protocol):
    """HTTP/1.1 that hands the name in the caller's certificate on to the application."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        secured = transport.get_extra_info("ssl_object")
        if secured is not None:
            self.app = _named(self.app, _common_name(secured.getpeercert() or {}))


def server_config(app: ASGIApp, host: str, port: int, tls: Tls | None) -> uvicorn.Config:
    """BadInput without TLS on anything but the loopback: shares, releases and tokens never travel in the clear."""
    plain: dict[str, Any] = {
        "host": host,
        "port": port,
        "log_config": None,
        "server_header": False,
        "access_log": False,
    }
    if tls is None:
        if host not in _LOCAL:
            hint = "set the certificate and its key, or listen on 127.0.0.1"
            raise BadInput(f"refusing to serve {host} without TLS", hint=hint)
        return uvicorn.Config(app, **plain)
    for path in (tls.ca, tls.certificate, tls.key):
        if path is not None and not path.is_file():
            raise BadInput(f"there is no file {path}", hint="check the TLS files in the settings")
    secured: dict[str, Any] = {"ssl_certfile": str(tls.certificate), "ssl_keyfile": str(tls.key)}
    if tls.ca is not None:
        secured |= {"ssl_ca_certs": str(tls.ca), "ssl_cert_reqs": ssl.CERT_REQUIRED, "http": NamedPeer}
    return uvicorn.Config(app, **plain, **secured)


def caller(request: Request) -> str | None:
    """The name in the caller's certificate; None on a connection without one."""
    name: str | None = request.scope.get(_PEER)
    return name


def only(request: Request, *names: str) -> None:
    """Raises WrongCaller unless one of `names` calls. Without TLS, on the loopback, nobody has a name to check."""
    if request.url.scheme == "https" and caller(request) not in names:
        hint = f"only {' and '.join(names)} may ask this"
        raise WrongCaller(f"{caller(request) or 'nobody'} may not ask this", hint=hint)


def _named(app: Any, name: str) -> ASGIApp:
    async def with_name(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, _PEER: name}, receive, send)

    return with_name


def _common_name(certificate: Any) -> str:
    parts = dict(pair for group in certificate.get("subject", ()) for pair in group)
    return str(parts.get("commonName", ""))
