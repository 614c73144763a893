"""The authority's small HTTP face: release, withdraw, health. Nothing here lists people, nodes or secrets."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel

from central.authority.released import Recipient
from central.authority.service import Authority, AuthorityFiles
from central.authority.settings import AuthoritySettings
from shared.clock import SystemClock
from shared.errors import CairnError, Refused, TransportDown
from shared.keys import read_signing_key


def _base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
    return text


Base64 = Annotated[str, AfterValidator(_base64)]


class ReleaseRequest(BaseModel):
    """A signed release, who is to receive the shares, and the X25519 public key to seal them to."""

    release: Base64
    recipient: Recipient
    public_key: Base64


class WithdrawRequest(BaseModel):
    """The case that nothing is to be released for any more."""

    case: str


def make_authority(settings: AuthoritySettings) -> Authority:
    """Open the authority's database; BadInput when a key or the passphrase is missing or a placeholder."""
    files = AuthorityFiles(
        name=settings.name,
        database=settings.database,
        passphrase_file=settings.passphrase_file,
        signing_key=read_signing_key(settings.signing_key),
        probes_public=settings.probes_public.read_bytes(),
    )
    return Authority(files, SystemClock())


def create_app(settings: AuthoritySettings, authority: Authority | None = None) -> FastAPI:
    """The application of one authority; pass an `authority` to serve one that is open already."""
    served = authority or make_authority(settings)
    app = FastAPI(title=f"Cairn key authority {served.name}", docs_url=None, redoc_url=None)
    app.add_exception_handler(CairnError, explain)

    @app.post("/release", responses={403: {"description": "ReleaseRefused"}, 422: {"description": "BadRelease"}})
    def release(request: ReleaseRequest) -> Response:
        raw, public = base64.b64decode(request.release), base64.b64decode(request.public_key)
        sealed = served.release(raw, request.recipient, public)
        return Response(sealed, media_type="application/octet-stream")

    @app.post("/withdraw", status_code=204)
    def withdraw(request: WithdrawRequest) -> None:
        served.withdraw(request.case)

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"authority": served.name, "status": "ok"}

    return app


def explain(_request: Request, error: Exception) -> JSONResponse:
    """A named refusal as 403, bad input as 422, another service that is away as 503; always with its hint."""
    status = 403 if isinstance(error, Refused) else 503 if isinstance(error, TransportDown) else 422
    hint = error.hint if isinstance(error, CairnError) else ""
    message = error.message if isinstance(error, CairnError) else "error"
    return JSONResponse({"error": type(error).__name__, "message": message, "hint": hint}, status)
