"""Serving over TLS, where whoever calls must bring a certificate of the services' own authority."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from shared.errors import BadInput

_LOCAL = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Tls:
    """The CA that callers' certificates must come from, and this service's own certificate and key."""

    ca: Path
    certificate: Path
    key: Path


def server_config(app: FastAPI, host: str, port: int, tls: Tls | None) -> uvicorn.Config:
    """BadInput without TLS on anything but the loopback: shares and releases never travel unproven."""
    if tls is None:
        if host not in _LOCAL:
            hint = "set ca, certificate and key, or listen on 127.0.0.1"
            raise BadInput(f"refusing to serve {host} without TLS", hint=hint)
        return uvicorn.Config(app, host=host, port=port, log_config=None, server_header=False)
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        server_header=False,
        ssl_ca_certs=str(tls.ca),
        ssl_certfile=str(tls.certificate),
        ssl_keyfile=str(tls.key),
        ssl_cert_reqs=ssl.CERT_REQUIRED,
    )
