"""The authority's small HTTP face: release, withdraw, ended, canary, statements, health. Nothing here lists people,
nodes or secrets."""

from __future__ import annotations

import base64
from datetime import date

from fastapi import FastAPI, Request, Response
from pydantic import BaseModel, Field

from central.answers import Base64, Name, refusals, speak_plainly
from central.audit.witness_http import witness_router
from central.authority.clock_guard import ClockInDoubt
from central.authority.day_secrets import SecretDestroyed
from central.authority.kek import CannotUnwrap, TokenAway
from central.authority.limits import CaseWithdrawn, PurposeLocked, TooManyCases, TooManyProbes
from central.authority.opening import make_authority
from central.authority.released import Recipient
from central.authority.self_check import LogBroken
from central.authority.service import Authority
from central.authority.settings import AuthoritySettings
from central.authority.statements import statement_to_map
from central.authority.witnessing import witness_of
from central.errors import LogRolledBack, WrongCaller
from central.serving import only
from shared.clock import SystemClock
from shared.errors import BadRelease, ReleaseRefused

RELEASE_REFUSALS = (
    ReleaseRefused, PurposeLocked, CaseWithdrawn, TooManyCases, TooManyProbes, ClockInDoubt, LogBroken, LogRolledBack,
    CannotUnwrap, TokenAway, WrongCaller, BadRelease,
)  # fmt: skip


class ReleaseRequest(BaseModel):
    """A signed release, who is to receive the shares, and the X25519 public key to seal them to. `cells` are those of
    the scope that the recipient needs; all, when none is named."""

    release: Base64
    recipient: Recipient
    public_key: Base64
    cells: list[Name] = Field(default=[], max_length=100_000)


class WithdrawRequest(BaseModel):
    """The case that nothing is to be released for any more."""

    case: Name


class CanaryRequest(BaseModel):
    """The day whose canary is to be sealed or tried, and the X25519 public key to seal its share to."""

    day: date
    public_key: Base64


class Cases(BaseModel):
    cases: list[Name] = Field(max_length=20_000)


class Ended(BaseModel):
    ended: list[str]


def create_app(settings: AuthoritySettings, authority: Authority | None = None) -> FastAPI:
    """The application of one authority; pass an `authority` to serve one that is open already.

    Over TLS, code shares go only to the probe service's certificate, everything else only to the centre's; statements
    and health are for everybody who gets as far as here.
    """
    served = authority or make_authority(settings)
    app = FastAPI(title=f"Cairn key authority {served.name}", docs_url=None, redoc_url=None)
    speak_plainly(app)

    witness = witness_of(settings, SystemClock())
    if witness is not None:  # the name in a certificate does not matter here: only what a log has signed counts
        app.include_router(witness_router(witness), prefix="/witness")

    @app.post("/release", responses=refusals(*RELEASE_REFUSALS))
    def release(asked: ReleaseRequest, request: Request) -> Response:
        only(request, settings.probes if asked.recipient is Recipient.PROBES else settings.centre)
        raw, public = base64.b64decode(asked.release), base64.b64decode(asked.public_key)
        return _sealed(served.release(raw, asked.recipient, public, asked.cells))

    @app.post("/withdraw", status_code=204, responses=refusals(WrongCaller))
    def withdraw(asked: WithdrawRequest, request: Request) -> None:
        only(request, settings.centre)
        served.withdraw(asked.case)

    @app.post("/ended", responses=refusals(WrongCaller))
    def ended(asked: Cases, request: Request) -> Ended:
        only(request, settings.centre)
        return Ended(ended=served.ended(asked.cases))

    @app.post("/canary", responses=refusals(WrongCaller, SecretDestroyed, ClockInDoubt, CannotUnwrap, TokenAway))
    def canary(asked: CanaryRequest, request: Request) -> Response:
        only(request, settings.centre)
        return _sealed(served.canary(asked.day, base64.b64decode(asked.public_key)))

    @app.get("/statements")
    def statements() -> list[dict[str, str]]:
        return [statement_to_map(one) for one in served.statements()]

    @app.get("/health")
    def health() -> dict[str, str]:
        reading = served.clock.read()
        return {
            "authority": served.name,
            "status": "clock in doubt" if reading.doubt else "ok",
            "now": reading.now.isoformat(),
            "public_key": base64.b64encode(served.public).decode(),
        }

    return app


def _sealed(sealed: bytes) -> Response:
    return Response(sealed, media_type="application/octet-stream")
