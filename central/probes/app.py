"""The probe service's HTTP face: keep a sealed template, make probes for a release, erase. It takes no image."""

from __future__ import annotations

import base64
from dataclasses import asdict

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, Field

from central.answers import Base64, Name, refusals, speak_plainly
from central.authority.client import AuthorityClient, client
from central.errors import ServiceDown, WrongCaller
from central.probes.answers import answers_to_bytes
from central.probes.hand_off import HandOffRefused, targets_from_bytes
from central.probes.service import NothingToSearchFor, OtherTemplate, ProbesAsked, ProbeService
from central.probes.settings import ProbeSettings
from central.probes.templates import NoTemplate, SealedTemplates
from central.serving import only
from shared.errors import BadEmbedding, BadRelease, CannotOpen, ReleaseRefused
from shared.keys import read_sealing_key, sealing_public
from shared.templates import MAX_SEALED_BYTES, OldTemplate

_REFUSED = (ReleaseRefused, WrongCaller, BadRelease, NoTemplate, ServiceDown)


class ProbeRequest(BaseModel):
    """A signed release, and the raw X25519 key of the search worker that the probes are sealed to. `cells` are those of
    the scope that it searches; all, when none is named."""

    release: Base64
    worker: Base64
    cells: list[Name] = Field(default=[], max_length=100_000)

    def asked(self) -> ProbesAsked:
        worker = sealing_public(base64.b64decode(self.worker))
        return ProbesAsked(base64.b64decode(self.release), worker, tuple(self.cells))


class ProbeSetsRequest(BaseModel):
    """Several cases at once."""

    cases: list[ProbeRequest] = Field(min_length=1, max_length=32)


class HandOffRequest(ProbeRequest):
    """Beside that: the clothes as a worker sealed them, and the cell-hours to look for them in (targets_to_bytes)."""

    sealed: Base64
    targets: Base64


def make_service(settings: ProbeSettings) -> ProbeService:
    """BadInput when the key file is missing or no key."""
    authorities = [AuthorityClient(name, client(url, settings.tls)) for name, url in settings.authorities.items()]
    return ProbeService(read_sealing_key(settings.sealing_key), SealedTemplates(settings.templates), authorities)


def create_app(settings: ProbeSettings, service: ProbeService | None = None) -> FastAPI:
    """The application; pass a `service` to serve one that is open already. Over TLS only the centre may ask."""
    served = service or make_service(settings)
    app = FastAPI(title="Cairn probe service", docs_url=None, redoc_url=None)
    speak_plainly(app)

    @app.put("/templates/{case}", responses=refusals(WrongCaller, CannotOpen, BadEmbedding, OldTemplate))
    async def keep(case: str, request: Request) -> dict[str, str | int | bool]:
        only(request, settings.centre)
        body = await request.body()
        if len(body) > MAX_SEALED_BYTES:
            raise BadEmbedding("a template is too large", hint="register the patient with at most five pictures")
        kept = served.register(case, body)
        return asdict(kept) | {"digest": kept.digest.hex()}

    @app.delete("/templates/{case}", status_code=204, responses=refusals(WrongCaller))
    def erase(case: str, request: Request) -> None:
        only(request, settings.centre)
        served.erase(case)

    @app.post("/probes", responses=refusals(*_REFUSED, OtherTemplate, NothingToSearchFor))
    def probes(asked: ProbeRequest, request: Request) -> Response:
        only(request, settings.centre)
        sealed = served.probes(*asked.asked())
        return Response(sealed, media_type="application/octet-stream")

    @app.post("/probe-sets", responses=refusals(WrongCaller))
    def probe_sets(asked: ProbeSetsRequest, request: Request) -> Response:
        only(request, settings.centre)
        sealed = served.probes_for([one.asked() for one in asked.cases])
        return Response(answers_to_bytes(sealed), media_type="application/octet-stream")

    @app.post("/hand-offs", responses=refusals(*_REFUSED, HandOffRefused, CannotOpen))
    def hand_on(asked: HandOffRequest, request: Request) -> Response:
        only(request, settings.centre)
        worker = sealing_public(base64.b64decode(asked.worker))
        release, clothes = base64.b64decode(asked.release), base64.b64decode(asked.sealed)
        targets = targets_from_bytes(base64.b64decode(asked.targets))
        return Response(served.hand_on(release, clothes, targets, worker), media_type="application/octet-stream")

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok", "public_key": base64.b64encode(served.public).decode()}

    return app
