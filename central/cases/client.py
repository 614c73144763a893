"""A person's side of a case: signs with the person's own key on the person's own machine, and asks the API."""

from __future__ import annotations

import base64
import dataclasses
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.cases.bases import Basis, basis_from
from central.consents.notices import Notice, read_notice
from shared.clock import as_utc
from shared.errors import BadInput, BadRelease, CairnError, Refused, TransportDown
from shared.releases import (
    Approval,
    CaseScope,
    ConsentReceipt,
    consent_from_bytes,
    digest_of,
    scope_from_bytes,
    sign,
)

TIMEOUT_S = 60.0


class ApiRefused(CairnError):
    """The centre refused; `name` is the refusal's own name, `status` its HTTP status."""

    def __init__(self, name: str, status: int, message: str, hint: str) -> None:
        super().__init__(f"{name}: {message}", hint=hint)
        self.name, self.status = name, status


@dataclass(frozen=True, slots=True)
class ToApprove:
    """What an approver is asked to sign for: the scope, the consent, and the template by its digest."""

    scope: CaseScope
    consent: ConsentReceipt
    template: bytes
    photos: int

    def approval(self, approver: str, approved_at: datetime) -> Approval:
        """The document to sign."""
        digests = (digest_of(self.scope), digest_of(self.consent), self.template)
        return Approval(self.scope.case, approver, *digests, self.photos, approved_at)


@dataclass(slots=True)
class CaseClient:
    """The centre's API for one account. Raises ApiRefused as the centre refuses, TransportDown when it is away."""

    http: httpx.Client
    account: str

    def open(self, scope: CaseScope, key: Ed25519PrivateKey) -> Any:
        times = {name: as_utc(getattr(scope, name)).isoformat() for name in ("start", "end", "expires")}
        plain = {"case": scope.case, "purpose": scope.purpose, "opened_by": scope.opened_by}
        names = {"cells": list(scope.cells), "consents": list(scope.consents)}
        signature = _text(sign(scope, "opener", key))
        return self.ask("POST", "/cases", {**plain, **times, **names, "opener_signature": signature})

    def register(self, case: str, sealed: bytes) -> Any:
        return self.ask("PUT", f"/cases/{case}/template", content=sealed)

    def consent(self, receipt: ConsentReceipt, key: Ed25519PrivateKey) -> Any:
        body = dataclasses.asdict(receipt)
        del body["case"]
        body |= {name: as_utc(body[name]).isoformat() for name in ("given_at", "expires")}
        body |= {"notice_digest": _text(receipt.notice_digest)}
        body |= {"witness_signature": _text(sign(receipt, "witness", key))}
        return self.ask("POST", f"/cases/{receipt.case}/consent", body)

    def to_approve(self, case: str) -> ToApprove:
        """What waits for a second signature, read from the very bytes whose digests will be signed."""
        shown = self.show(case)
        documents, template = shown["documents"], shown["template"]
        if documents["consent"] is None:
            raise Refused("the patient's consent is not taken down", hint="wait until the tracer has done so")
        if template is None:
            raise Refused("the patient is not registered", hint="wait until the tracer has done so")
        scope = scope_from_bytes(base64.b64decode(documents["scope"]))
        consent = consent_from_bytes(base64.b64decode(documents["consent"]))
        if scope.case != case or consent.case != case:
            raise BadRelease("the centre showed another case's document", hint="do not sign; tell the privacy officer")
        return ToApprove(scope, consent, bytes.fromhex(template), int(shown["photos"]))

    def approve(self, asked: ToApprove, key: Ed25519PrivateKey, approved_at: datetime) -> Any:
        approval = asked.approval(self.account, approved_at)
        signature = _text(sign(approval, "approver", key))
        body = {"approved_at": as_utc(approved_at).isoformat(), "approver_signature": signature}
        return self.ask("POST", f"/cases/{approval.case}/approve", body)

    def show(self, case: str) -> Any:
        return self.ask("GET", f"/cases/{case}")

    def terms(self) -> tuple[Notice, dict[str, Basis]]:
        """The notice that patients are to be shown, and the legal bases that are in force."""
        answer = self.ask("GET", "/terms")
        return read_notice(answer["notice"]), {one["basis"]: basis_from(one) for one in answer["legal_bases"]}

    def cells(self) -> list[str]:
        """Every cell that has a camera."""
        return sorted({camera["cell"] for camera in self.ask("GET", "/cameras")})

    def ask(self, method: str, path: str, body: Any = None, *, content: bytes | None = None, params: Any = None) -> Any:
        """JSON of the answer; text where it is something else; None when it is empty."""
        answer = self._send(method, path, body, content, params)
        if not answer.content:
            return None
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer.text

    def fetch(self, path: str, params: Any = None, body: Any = None) -> bytes:
        """The answer as it is: a file. With a body it is asked for by POST."""
        return self._send("GET" if body is None else "POST", path, body, None, params).content

    def _send(self, method: str, path: str, body: Any, content: bytes | None, params: Any) -> httpx.Response:
        headers = {"Content-Type": "application/octet-stream"} if content is not None else None
        try:
            answer = self.http.request(method, path, json=body, content=content, params=params, headers=headers)
        except (httpx.TransportError, httpx.InvalidURL) as error:
            hint = "check --api, and that `cairn-central serve` runs there"
            raise TransportDown(f"the centre does not answer ({type(error).__name__})", hint=hint) from None
        if not answer.is_success:
            raise _refused(answer)
        return answer


@contextmanager
def connected(api: str, token_file: Path, ca: Path | None) -> Iterator[CaseClient]:
    """Raises BadInput for a token that cannot be read, and for a clear address beyond this machine."""
    token = _token(token_file)
    url = httpx.URL(api)
    if url.scheme != "https" and url.host not in {"127.0.0.1", "::1", "localhost"}:
        raise BadInput(f"{url.host} would get the token in the clear", hint="use an https:// address")
    verify = ssl.create_default_context(cafile=str(ca)) if ca else ssl.create_default_context()
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, verify=verify, headers=headers, timeout=TIMEOUT_S) as http:
        yield CaseClient(http, token.partition(".")[0])


def _token(path: Path) -> str:
    try:
        token = path.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        hint = f"give --token-file the file that `cairn-central account add` wrote ({type(error).__name__})"
        raise BadInput(f"cannot read the token file {path}", hint=hint) from None
    if not token.isascii() or "." not in token or len(token) > 200:
        raise BadInput(f"{path} holds no token", hint="ask an administrator for a new one")
    return token


def _refused(answer: httpx.Response) -> ApiRefused:
    try:
        said = answer.json()
        return ApiRefused(str(said["error"]), answer.status_code, str(said["message"]), str(said["hint"]))
    except (ValueError, KeyError, TypeError):
        hint = "check that --api is the centre's address"
        return ApiRefused("NotTheCentre", answer.status_code, f"it answered {answer.status_code}", hint)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
