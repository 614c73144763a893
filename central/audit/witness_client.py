"""Asking a witness over HTTP."""

from __future__ import annotations

from dataclasses import dataclass

import httpx

from central.audit.notes import MAX_NOTE_BYTES, BadNote
from central.audit.witness import Behind, NotConsistent, UnknownLog, WrongSigner
from central.errors import ServiceDown

_MAX_SIZE_DIGITS = 19


@dataclass(frozen=True, slots=True)
class WitnessClient:
    """A witness at an address. Whatever it answers that is not specified counts as its being down."""

    http: httpx.Client

    def add(self, request: bytes) -> str:
        answer = self._ask("POST", "add-checkpoint", content=request)
        if answer.status_code == 409:
            raise Behind(_size(answer))
        if answer.status_code == 404:
            raise UnknownLog("the witness does not know this log", hint="give its office the log's verifier key")
        if answer.status_code == 403:
            raise WrongSigner("the witness knows this log under another key", hint="compare the verifier keys")
        if answer.status_code == 422:
            raise NotConsistent("the witness says that the log does not continue what it cosigned", hint="")
        if answer.status_code == 400:
            raise BadNote("the witness cannot read our request", hint="it may be of another version")
        if not answer.is_success or len(answer.content) > MAX_NOTE_BYTES:
            raise _down(f"it answers {answer.status_code}")
        return answer.text

    def latest(self, origin: str) -> str | None:
        answer = self._ask("GET", "latest", params={"origin": origin})
        return answer.text if answer.is_success and len(answer.content) <= MAX_NOTE_BYTES else None

    def _ask(
        self, method: str, path: str, content: bytes | None = None, params: dict[str, str] | None = None
    ) -> httpx.Response:
        headers = {"Content-Type": "text/plain"} if content is not None else None
        try:
            return self.http.request(method, path, content=content, params=params, headers=headers)
        except (httpx.TransportError, httpx.InvalidURL, httpx.DecodingError) as error:
            raise _down(type(error).__name__) from error


def _size(answer: httpx.Response) -> int:
    text = answer.text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_SIZE_DIGITS):
        raise _down("its answer is no size")
    return int(text)


def _down(why: str) -> ServiceDown:
    return ServiceDown(f"the witness does not answer ({why})", hint="it is caught up as soon as it is back")
