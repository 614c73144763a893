"""A witness over HTTP: c2sp.org/tlog-witness, as a program of its own or on another office's service.

    app.include_router(witness_router(witness), prefix="/witness")

Nobody signs in: only a checkpoint that its log has signed changes anything, and a witness has no secrets to tell.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from central.answers import Refusal, refusals, speak_plainly
from central.audit.notes import BadNote
from central.audit.witness import Behind, NotConsistent, UnknownLog, Witness, WrongSigner
from central.errors import NotFound, TooMuch

SIZE_TYPE = "text/x.tlog.size"


class LogOut(BaseModel):
    """Where one log stands. One that is silent for long is kept from its witness; `contradictions` should be 0."""

    origin: str
    size: int
    cosigned_at: datetime | None
    contradictions: int


class WitnessHealth(BaseModel):
    status: str
    witness: str
    logs: list[LogOut]


def witness_router(witness: Witness) -> APIRouter:
    """add-checkpoint as specified, and two questions of ours: `latest`, and `logs`."""
    router = APIRouter(tags=["witness"])

    @router.post(
        "/add-checkpoint",
        summary="Cosign a checkpoint",
        response_class=Response,
        responses=refusals(UnknownLog, WrongSigner, NotConsistent, TooMuch) | {409: {"content": {SIZE_TYPE: {}}}},
    )
    async def add_checkpoint(request: Request) -> Response:
        try:
            line = await run_in_threadpool(witness.add, await request.body())
        except Behind as behind:
            return Response(f"{behind.size}\n", 409, headers={"Content-Type": SIZE_TYPE})
        except BadNote as bad:
            said = Refusal(error=type(bad).__name__, message=bad.message, hint=bad.hint)
            return JSONResponse(said.model_dump(), 400)
        return Response(line, media_type="text/plain")

    @router.get("/latest", summary="The newest cosigned checkpoint of a log", responses=refusals(NotFound))
    def latest(origin: Annotated[str, Query(max_length=255)]) -> Response:
        note = witness.latest(origin)
        if note is None:
            raise NotFound("no checkpoint of this log was cosigned", hint="ask for the log's origin as it is signed")
        return Response(note, media_type="text/plain")

    @router.get("/evidence", summary="Signed checkpoints of a log that contradict what was cosigned")
    def evidence(origin: Annotated[str, Query(max_length=255)]) -> list[str]:
        return witness.evidence(origin)

    @router.get("/logs", summary="How far each log is")
    def logs() -> list[LogOut]:
        return _logs(witness)

    return router


def create_app(witness: Witness) -> FastAPI:
    """The witness as a service of its own."""
    app = FastAPI(title="Cairn witness", docs_url=None, redoc_url=None)
    speak_plainly(app)
    app.include_router(witness_router(witness))

    @app.get("/health")
    def health() -> WitnessHealth:
        return WitnessHealth(status="ok", witness=witness.key.name, logs=_logs(witness))

    return app


def _logs(witness: Witness) -> list[LogOut]:
    return [
        LogOut(
            origin=seen.origin,
            size=seen.size,
            cosigned_at=seen.at,
            contradictions=len(witness.evidence(seen.origin)),
        )
        for seen in witness.logs()
    ]
