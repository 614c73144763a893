"""The authority's small HTTP face: release, withdraw, health. Nothing here lists people, nodes or secrets."""

from __future__ import annotations

import base64

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel

from central.answers import Base64, Name, refusals, speak_plainly
from central.authority.released import Recipient
from central.authority.service import Authority, AuthorityFiles
from central.authority.settings import AuthoritySettings
from central.errors import WrongCaller
from central.serving import only
from shared.clock import SystemClock
from shared.errors import BadInput, BadRelease, ReleaseRefused
from shared.keys import read_signing_key


class ReleaseRequest(BaseModel):
    """A signed release, who is to receive the shares, and the X25519 public key to seal them to."""

    release: Base64
    recipient: Recipient
    public_key: Base64


class WithdrawRequest(BaseModel):
    """The case that nothing is to be released for any more."""

    case: Name


def make_authority(settings: AuthoritySettings) -> Authority:
    """Open the authority's database; BadInput when a key or the passphrase is missing or a placeholder."""
    try:
        probes_public = settings.probes_public.read_bytes()
    except OSError as error:
        hint = "copy the public key that `cairn-central key sealing` wrote for the probe service"
        raise BadInput(f"cannot read {settings.probes_public}: {error.strerror}", hint=hint) from None
    files = AuthorityFiles(
        name=settings.name,
        database=settings.database,
        passphrase_file=settings.passphrase_file,
        signing_key=read_signing_key(settings.signing_key),
        probes_public=probes_public,
    )
    return Authority(files, SystemClock())


def create_app(settings: AuthoritySettings, authority: Authority | None = None) -> FastAPI:
    """The application of one authority; pass an `authority` to serve one that is open already.

    Over TLS, code shares go only to the probe service's certificate, everything else only to the centre's.
    """
    served = authority or make_authority(settings)
    app = FastAPI(title=f"Cairn key authority {served.name}", docs_url=None, redoc_url=None)
    speak_plainly(app)

    @app.post("/release", responses=refusals(ReleaseRefused, WrongCaller, BadRelease))
    def release(asked: ReleaseRequest, request: Request) -> Response:
        only(request, settings.probes if asked.recipient is Recipient.PROBES else settings.centre)
        raw, public = base64.b64decode(asked.release), base64.b64decode(asked.public_key)
        sealed = served.release(raw, asked.recipient, public)
        return Response(sealed, media_type="application/octet-stream")

    @app.post("/withdraw", status_code=204, responses=refusals(WrongCaller))
    def withdraw(asked: WithdrawRequest, request: Request) -> None:
        only(request, settings.centre)
        served.withdraw(asked.case)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"authority": served.name, "status": "ok"}

    return app
