"""The probe service's HTTP face: keep a sealed template, make probes for a release, erase. It takes no image."""

from __future__ import annotations

import base64

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from central.authority.app import Base64, explain
from central.authority.client import AuthorityClient, plain_client, tls_client
from central.probes.service import ProbeService
from central.probes.settings import ProbeSettings
from central.probes.templates import MAX_SEALED_BYTES, SealedTemplates
from shared.errors import BadEmbedding, CairnError
from shared.keys import read_sealing_key, sealing_public


class ProbeRequest(BaseModel):
    """A signed release, and the raw X25519 key of the search worker that the probes are sealed to."""

    release: Base64
    worker: Base64


def make_service(settings: ProbeSettings) -> ProbeService:
    """BadInput when the key file is missing or no key."""
    authorities = [_client(name, url, settings) for name, url in settings.authorities.items()]
    return ProbeService(read_sealing_key(settings.key), SealedTemplates(settings.templates), authorities)


def create_app(settings: ProbeSettings, service: ProbeService | None = None) -> FastAPI:
    """The application; pass a `service` to serve one that is open already."""
    served = service or make_service(settings)
    app = FastAPI(title="Cairn probe service", docs_url=None, redoc_url=None)
    app.add_exception_handler(CairnError, explain)

    @app.put("/templates/{case}", status_code=204)
    async def keep(case: str, request: Request) -> None:
        served.register(case, await _body(request))

    @app.delete("/templates/{case}", status_code=204)
    def erase(case: str) -> None:
        served.erase(case)

    @app.post("/probes", responses={403: {"description": "ReleaseRefused"}})
    def probes(request: ProbeRequest) -> Response:
        worker = sealing_public(base64.b64decode(request.worker))
        sealed = served.probes(base64.b64decode(request.release), worker)
        return Response(sealed, media_type="application/octet-stream")

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok", "public_key": base64.b64encode(served.public).decode()}

    return app


async def _body(request: Request) -> bytes:
    # Counted while it comes in: what a caller says about the length is only a claim.
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_SEALED_BYTES:
            raise BadEmbedding("a template is too large", hint="register the patient with at most five pictures")
    return body


def _client(name: str, url: str, settings: ProbeSettings) -> AuthorityClient:
    return tls_client(name, url, *settings.tls) if settings.tls else plain_client(name, url)
