"""How the centre's services answer over HTTP: one shape for every refusal, limits on what comes in, no trace out."""

from __future__ import annotations

import base64
import binascii
import logging
from collections import defaultdict
from typing import Annotated, Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import AfterValidator, BaseModel, Field
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from central.errors import BadRequest, NoPictures, NotFound, TooManyAttempts, TooMuch, status_of
from central.pictures import HINT, is_picture
from shared.errors import CairnError
from shared.ids import check_id

log = logging.getLogger(__name__)

MAX_BODY_BYTES = 1024 * 1024
_SHOWN = 5


class Refusal(BaseModel):
    """What every error answer looks like."""

    error: str = Field(description="the refusal's name, for programs", examples=["NotAllowed"])
    message: str = Field(description="what is wrong, for people")
    hint: str = Field(description="what to do next")


def _base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64") from None
    return text


def _name(text: str) -> str:
    try:
        return check_id(text, "name")
    except CairnError as error:
        raise ValueError(error.hint) from None


Base64 = Annotated[str, AfterValidator(_base64)]
Name = Annotated[str, AfterValidator(_name)]


def refusals(*kinds: type[CairnError]) -> dict[int | str, dict[str, Any]]:
    """The named errors of an endpoint, for its OpenAPI entry."""
    by_status: dict[int | str, list[str]] = defaultdict(list)
    for kind in dict.fromkeys((*kinds, BadRequest, TooMuch, NoPictures)):
        by_status[status_of(kind("", hint=""))].append(kind.__name__)
    return {status: {"model": Refusal, "description": ", ".join(names)} for status, names in by_status.items()}


def speak_plainly(app: FastAPI) -> None:
    """Give `app` the one shape of refusal and the limit on bodies."""
    app.add_exception_handler(CairnError, explain)
    app.add_exception_handler(RequestValidationError, _explain_form)
    app.add_exception_handler(HTTPException, _explain_http)
    app.add_exception_handler(Exception, _explain_nothing)
    app.add_middleware(BodyGuard)


async def explain(_request: Request, error: Exception) -> JSONResponse:
    """A named refusal with the status that stands for it, always with its hint."""
    if not isinstance(error, CairnError):
        return await _explain_nothing(_request, error)
    return _refuse(error)


async def _explain_form(_request: Request, error: Exception) -> JSONResponse:
    # Inputs stay out of the answer and of every log: one of them may be a name or a token.
    found = error.errors() if isinstance(error, RequestValidationError) else []
    wrong = [f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in found[:_SHOWN]]
    return _answer(422, BadRequest.__name__, "; ".join(wrong) or "malformed", "compare with /openapi.json")


async def _explain_http(_request: Request, error: Exception) -> JSONResponse:
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return _answer(404, NotFound.__name__, "there is nothing under this address", "see /openapi.json")
    if status == 400:  # the framework's word for a body that is no JSON; ours for all that is malformed is 422
        return _answer(422, BadRequest.__name__, "the body cannot be read", "send JSON as in /openapi.json")
    detail = str(error.detail) if isinstance(error, HTTPException) else "error"
    return _answer(status, BadRequest.__name__, detail, "see /openapi.json")


async def _explain_nothing(_request: Request, error: Exception) -> JSONResponse:
    log.error("an unexpected %s; its trace follows in this log and nowhere else", type(error).__name__)
    return _answer(500, "InternalError", "something went wrong here", "look into the service's log")


def _refuse(error: CairnError) -> JSONResponse:
    answer = _answer(status_of(error), type(error).__name__, error.message, error.hint)
    answer.headers.update(retry_after(error))
    return answer


def retry_after(error: CairnError) -> dict[str, str]:
    """The header that says when to come back, for a refusal that ends by itself."""
    return {"Retry-After": str(error.retry_after_s)} if isinstance(error, TooManyAttempts) else {}


def _answer(status: int, name: str, message: str, hint: str) -> JSONResponse:
    return JSONResponse(Refusal(error=name, message=message, hint=hint).model_dump(), status)


class BodyGuard:
    """Reads a body before anything else does: not more of it than the limit, and never a picture."""

    def __init__(self, app: ASGIApp, limit: int = MAX_BODY_BYTES) -> None:
        self.app, self.limit = app, limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            # Counted while it comes in: what a caller says about its length is only a claim.
            if len(body) > self.limit:
                refusal: CairnError = TooMuch("the body is too large", hint=f"at most {self.limit} bytes are taken")
                return await _refuse(refusal)(scope, receive, send)
            if message["type"] != "http.request" or not message.get("more_body", False):
                break
        if is_picture(Headers(scope=scope).get("content-type", ""), body):
            refusal = NoPictures("the centre takes no picture", hint=HINT)
            return await _refuse(refusal)(scope, receive, send)
        return await self.app(scope, _replay(body, receive), send)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def once() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return once
