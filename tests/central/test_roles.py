"""Who may do what: every endpoint for every role, a tracer's own cases only, and nothing for strangers."""

from __future__ import annotations

import itertools
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from limits import RateLimitItemPerHour

from central.accounts.attempts import Attempts
from central.accounts.service import Role, add_account
from central.database import writing
from tests.central.authority_fixtures import CASE, NODE
from tests.central.centre_fixtures import ROLES, Office

WHO = {
    "kim": Role.TRACER,
    "lee": Role.APPROVER,
    "oda": Role.PRIVACY_OFFICER,
    "tec": Role.TECHNICIAN,
    "adm": Role.ADMINISTRATOR,
}
# Who may ask what; kim is the tracer who opened the case. Everybody else gets 403, or 404: not yours to know.
MATRIX = {
    ("GET", "/health"): set(WHO),
    ("GET", "/cases"): {"kim", "lee"},
    ("GET", "/cases/{case}"): {"kim", "lee"},
    ("POST", "/cases"): {"kim"},
    ("POST", "/cases/{case}/consent"): {"kim"},
    ("PUT", "/cases/{case}/template"): {"kim"},
    ("POST", "/cases/{case}/approve"): {"lee"},
    ("POST", "/cases/{case}/withdraw"): {"kim", "oda"},
    ("PUT", "/cases/{case}/grants/{account_name}"): {"kim"},
    ("DELETE", "/cases/{case}/grants/{account_name}"): {"kim"},
    ("GET", "/cases/{case}/consent.json"): {"kim"},
    ("GET", "/cases/{case}/consent.pdf"): {"kim"},
    ("GET", "/cases/{case}/consent.svg"): {"kim"},
    ("GET", "/cases/{case}/testimony"): {"kim"},
    ("POST", "/cases/{case}/testimony"): {"kim"},
    ("GET", "/cases/{case}/testimony/comparison"): {"kim"},
    ("PUT", "/cases/{case}/testimony/{visit}"): {"kim"},
    ("DELETE", "/cases/{case}/testimony/{visit}"): {"kim"},
    ("GET", "/calibration"): set(WHO),
    ("GET", "/walking"): set(WHO),
    ("GET", "/terms"): {"kim", "lee"},
    ("GET", "/canaries"): {"oda"},
    ("POST", "/canaries/trials"): {"oda"},
    ("GET", "/statements"): set(WHO),
    ("POST", "/cases/{case}/close"): {"kim"},
    ("POST", "/cases/{case}/route-jobs"): {"kim"},
    ("GET", "/cases/{case}/route-jobs"): {"kim"},
    ("GET", "/cases/{case}/route-jobs/{job}"): {"kim"},
    ("DELETE", "/cases/{case}/route-jobs/{job}"): {"kim"},
    ("GET", "/cases/{case}/route"): {"kim"},
    ("GET", "/cases/{case}/questions"): {"kim"},
    ("GET", "/cases/{case}/words"): {"kim"},
    ("PUT", "/cases/{case}/words/{sighting}"): {"kim"},
    ("DELETE", "/cases/{case}/words/{sighting}"): {"kim"},
    ("GET", "/cases/{case}/contacts"): {"kim"},
    ("GET", "/cases/{case}/route/map.svg"): {"kim"},
    ("GET", "/cases/{case}/export"): {"kim"},
    ("POST", "/cases/{case}/places"): {"kim"},
    ("GET", "/cases/{case}/report"): {"kim", "oda"},
    ("GET", "/cases/{case}/report.html"): {"kim", "oda"},
    ("GET", "/masks"): {"kim", "oda"},
    ("GET", "/reports/transparency"): {"oda"},
    ("GET", "/reports/transparency.html"): {"oda"},
    ("GET", "/nodes"): {"tec"},
    ("POST", "/nodes/{node}/revoke"): {"tec"},
    ("GET", "/cameras"): {"kim", "lee", "tec"},
    ("GET", "/accounts"): {"adm"},
    ("GET", "/audit"): {"oda"},
    ("GET", "/audit/check"): {"oda"},
    ("GET", "/audit/checkpoint"): {"oda"},
    ("GET", "/audit/proof/{entry}"): {"oda"},
}


# Open to everybody: whether the centre works, and the authorities' signed statements of what they destroyed.
FREE = {"/health", "/statements"}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


def filled(path: str) -> str:
    return path.format(
        case=CASE, job="0" * 32, node=NODE, entry=1, account_name="tam", visit="0" * 32, sighting=f"{NODE}/1/0"
    )


def body_of(office: Office, method: str, path: str) -> dict[str, Any]:
    """A body of the right form, so that what is refused is the person and not the form."""
    now = office.world.clock.now()
    if path.endswith("approve"):
        return {"json": {"approver_signature": "AAAA", "approved_at": now.isoformat()}}
    if path.endswith("{account_name}") and method == "PUT":
        return {"json": {"until": (now + timedelta(days=1)).isoformat()}}
    if "words" in path and method == "PUT":
        return {"json": {"word": "confirmed"}}
    if "testimony" in path and method in ("POST", "PUT"):
        times = {"start": (now - timedelta(hours=2)).isoformat(), "end": (now - timedelta(hours=1)).isoformat()}
        return {"json": {"place": "bakery", **times}}
    return {}


def ask(office: Office, name: str, method: str, path: str, *, kind: str = "", **more: Any) -> httpx.Response:
    real = filled(path)
    headers = {"Authorization": f"Bearer {office.tokens[name]}"} | ({"Content-Type": kind} if kind else {})
    return office.http.request(method, real, headers=headers, **more)


def test_the_matrix_names_every_endpoint(office: Office) -> None:
    """No endpoint of the API is without a line in the matrix of roles."""
    paths: dict[str, dict[str, Any]] = office.http.get("/openapi.json").json()["paths"]
    assert {(method.upper(), path) for path, methods in paths.items() for method in methods} == set(MATRIX)


def test_each_role_may_do_its_own_work_and_nothing_else(office: Office) -> None:
    """Who is not named in the matrix is refused with 403, or with 404 where even the name is not theirs to know."""
    office.approved()
    kinds: dict[tuple[str, str, str], tuple[int, str]] = {}
    # The endings come last, so that the case is alive for everybody else's questions.
    order = sorted(MATRIX, key=lambda key: key[1].endswith(("withdraw", "close", "revoke")))
    for (method, path), who in itertools.product(order, WHO):
        answer = ask(office, who, method, path, **body_of(office, method, path))
        name = answer.json().get("error", "") if answer.status_code >= 400 else ""
        kinds[method, path, who] = answer.status_code, name
    for (method, path, who), (status, name) in kinds.items():
        refused = (status, name) in {(403, "NotAllowed"), (403, "ReleaseRefused"), (404, "NotFound")}
        if who in MATRIX[method, path]:
            assert status not in {401, 403}, (method, path, who, name)
        else:
            assert refused, (method, path, who, status, name)


def test_another_tracers_case_does_not_exist(office: Office) -> None:
    """A tracer's colleague gets 404 for everything about a case that is not theirs, as for one that never was."""
    office.approved()
    receipt = office.receipt(signed_by="tam")
    consent = {name: value for name, value in asdict(receipt).items() if name != "case"}
    consent |= {name: getattr(receipt, name).isoformat() for name in ("given_at", "expires")}
    consent |= {"notice_digest": b64encode(receipt.notice_digest).decode(), "witness_signature": "AAAA"}
    for method, path in MATRIX:
        if not path.startswith("/cases/{case}") or path.endswith("approve"):
            continue
        more = {"json": consent} if path.endswith("consent") else body_of(office, method, path)
        more |= {"content": b"x", "kind": "application/octet-stream"} if path.endswith("template") else {}
        answer = ask(office, "tam", method, path, **more)
        assert (answer.status_code, answer.json()["error"]) == (404, "NotFound"), (method, path)
    assert office.as_("tam").ask("GET", "/cases") == []


def test_without_a_valid_token_nobody_is_answered(office: Office) -> None:
    """A missing, wrong, foreign or absurd token gives 401, and never says which part was wrong."""
    office.app.state.attempts = Attempts(RateLimitItemPerHour(10_000), RateLimitItemPerHour(10_000))
    for shown in ("", "kim", "kim.wrong", "nobody.x", ".", "kim." + "x" * 5000, "é.x"):
        headers = {"Authorization": f"Bearer {shown}".encode()} if shown else {}
        for method, path in MATRIX:
            if path in FREE:
                continue
            real = filled(path)
            answer = office.http.request(method, real, headers=headers)  # type: ignore[arg-type]  # raw bytes too
            assert (answer.status_code, answer.json()["error"]) == (401, "NotSignedIn"), (method, path, shown[:12])


def test_a_new_token_ends_the_old_one(office: Office) -> None:
    """Adding an account again replaces its token."""
    with writing(office.engine) as session:
        token = add_account(session, "kim", ROLES["kim"], office.keys["kim"].public_key().public_bytes_raw())
        session.commit()
    assert ask(office, "kim", "GET", "/cases").status_code == 401
    assert office.http.get("/cases", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_two_people_never_share_a_key(office: Office) -> None:
    """An account with a key that another account has is refused."""
    from shared.errors import BadInput

    public = office.keys["kim"].public_key().public_bytes_raw()
    with writing(office.engine) as session, pytest.raises(BadInput, match="each person holds their own"):
        add_account(session, "eve", {Role.APPROVER}, public)
