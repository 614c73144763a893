"""What an approver reads before signing, and one purpose a case: no other law, no other use, no other time."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.cases.bases import SHIPPED
from central.cases.in_words import in_words, span, warnings
from central.consents.terms import Terms
from shared.releases import CaseScope, sign
from tests.central.authority_fixtures import CASE, NOW
from tests.central.centre_fixtures import Office
from tests.central.test_cases import refusal
from tests.consents import BASIS, a_consent, terms

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SEOUL = ZoneInfo("Asia/Seoul")
CITY = [f"cell-{n}" for n in range(40)]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


def scope(**changes: Any) -> CaseScope:
    plain = CaseScope(CASE, BASIS, "kim", NOW - 3 * DAY, NOW, ("cell-1", "cell-2"), ("face",), NOW + 2 * DAY)
    return dataclasses.replace(plain, **changes)


def test_the_approver_reads_who_why_what_where_and_until_when() -> None:
    """Every term of the documents stands in words, in the zone of the place, before anybody signs."""
    lines = in_words(scope(), a_consent(CASE, NOW), 3, terms().bases, SEOUL, CITY)
    text = "\n".join(lines)
    for wanted in (
        "case case-1, opened by kim",
        "Infectious Disease Control and Prevention Act",
        "2026-11-21 18:30 KST until 2026-11-24 18:30 KST (3 days)",
        "cells: 2 of 40 in the city (cell-1, cell-2)",
        "searched by the face",
        "agreed to the face and refused shape and clothing",
        "witnessed by kim",
        "made from 3 photos",
        "nothing may be searched after 2026-11-26 18:30 KST",
    ):
        assert wanted in text
    assert warnings(scope(), a_consent(CASE, NOW), CITY, NOW) == []


def test_a_city_is_not_listed_cell_by_cell() -> None:
    """The first dozen, and how many more."""
    (line,) = [
        line
        for line in in_words(scope(cells=tuple(CITY)), a_consent(CASE, NOW), 1, terms().bases, SEOUL, CITY)
        if line.startswith("cells")
    ]
    assert line.endswith("and 28 more)")
    assert len(line) < 200


WARNED: dict[str, tuple[dict[str, Any], str]] = {
    "the whole city": ({"cells": tuple(CITY)}, "whole city"),
    "most of the city": ({"cells": tuple(CITY[:30])}, "75% of the city"),
    "a long window": ({"start": NOW - 14 * DAY}, "14 days long"),
    "a long approval": ({"expires": NOW + 10 * DAY}, "10 days from now"),
    "another witness": ({"opened_by": "tam"}, "witnessed by kim, not by tam"),
}


@pytest.mark.parametrize("name", WARNED)
def test_what_is_allowed_and_seldom_needed_is_pointed_out(name: str) -> None:
    """One warning for each, and none for a town of a single cell."""
    changes, said = WARNED[name]
    (warning,) = warnings(scope(**changes), a_consent(CASE, NOW), CITY, NOW)
    assert said in warning
    assert warnings(scope(cells=("cell-1",)), a_consent(CASE, NOW), ["cell-1"], NOW) == []


def test_spans_are_said_as_people_say_them() -> None:
    """Days and hours, one and many."""
    said = [span(time) for time in (14 * DAY, DAY + HOUR, 2 * HOUR, timedelta(minutes=5))]
    assert said == ["14 days", "1 day 1 hour", "2 hours", "under an hour"]


# one purpose a case


def test_a_case_has_one_basis_of_the_dated_list(office: Office) -> None:
    """What is not on it, and what is no name at all, is refused when the case is opened."""
    kim, key = office.as_("kim"), office.keys["kim"]
    assert refusal(lambda: kim.open(office.scope(purpose="traffic-fines"), key)) == (403, "BasisRefused")
    assert refusal(lambda: kim.open(office.scope(purpose="a Law; it's fine"), key)) == (403, "ReleaseRefused")
    assert refusal(lambda: kim.open(office.scope(purpose="x" * 64), key)) == (422, "BadRequest")
    kim.open(office.scope(), key)
    assert kim.show(CASE)["purpose"] == kim.ask("GET", "/cases")[0]["purpose"] == BASIS
    assert [entry.detail for entry in office.audit() if entry.action == "opened"] == [BASIS]


def test_what_was_found_says_under_which_law(office: Office) -> None:
    """Route and contacts carry the basis of their case: nobody takes them for anything else."""
    office.fill()
    kim = office.approved()
    office.searched(kim)
    assert kim.ask("GET", f"/cases/{CASE}/route")["purpose"] == BASIS
    assert kim.ask("GET", f"/cases/{CASE}/contacts")["purpose"] == BASIS


def test_a_consent_for_another_purpose_does_not_carry_the_case(office: Office) -> None:
    """The patient must have been told the very basis under which the case was opened."""
    kim, key = office.as_("kim"), office.keys["kim"]
    kim.open(office.scope(), key)
    basis = terms().bases["consent-only"]
    other = office.receipt(purpose=basis.name, notice_digest=terms().notice.digest(basis))
    assert refusal(lambda: kim.consent(other, key)) == (403, "ReleaseRefused")
    assert kim.show(CASE)["consent"] is None


def limited(folder: Path, **changes: Any) -> Terms:
    """Terms whose one legal basis differs from the shipped one."""

    plain = json.loads((SHIPPED / f"{BASIS}.json").read_bytes())
    folder.mkdir()
    (folder / f"{BASIS}.json").write_text(json.dumps(plain | changes))
    return Terms.load(bases=folder)


def test_a_basis_covers_only_its_scopes(office: Office, tmp_path: Path) -> None:
    """Under a law that allows faces only, a search by clothes is refused, whatever the patient agreed to."""
    object.__setattr__(office.centre, "terms", limited(tmp_path / "bases", scopes=["face"]))
    kim, key = office.as_("kim"), office.keys["kim"]
    both = office.scope(consents=("face", "appearance"))
    assert refusal(lambda: kim.open(both, key)) == (403, "BasisRefused")
    kim.open(office.scope(), key)


def test_a_law_that_ends_ends_the_searches_under_it(office: Office, tmp_path: Path) -> None:
    """From the day after its last one, an approved case is not searched and an open one not approved."""
    last = date(2026, 11, 24).isoformat()
    object.__setattr__(office.centre, "terms", limited(tmp_path / "bases", valid_until=last))
    kim, key = office.as_("kim"), office.keys["kim"]
    for case in (CASE, "case-2"):
        kim.open(office.scope(case), key)
        answer = office.receipt(case, notice_digest=_digest(office))
        kim.consent(answer, key)
        kim.register(case, office.sealed_template(case))
    office.approve("lee")
    office.world.clock.advance(DAY)
    assert refusal(lambda: kim.ask("POST", f"/cases/{CASE}/route-jobs")) == (403, "BasisRefused")
    assert refusal(lambda: office.approve("lee", "case-2")) == (403, "BasisRefused")
    assert refusal(lambda: kim.open(office.scope("case-3"), key)) == (403, "BasisRefused")


def _digest(office: Office) -> bytes:
    used = office.centre.terms
    return used.notice.digest(used.bases[BASIS])


# bad input to what is signed


WRONG: dict[str, tuple[dict[str, Any], tuple[int, str]]] = {
    "an approval that is not signed": ({"approver_signature": ""}, (403, "ReleaseRefused")),
    "half a signature": ({"approver_signature": "AAAA"}, (403, "ReleaseRefused")),
    "no base64": ({"approver_signature": "***"}, (422, "BadRequest")),
    "a naive time": ({"approved_at": "2026-11-24T09:30:00"}, (422, "BadRequest")),
    "next year": ({"approved_at": "2027-11-24T09:30:00Z"}, (403, "ReleaseRefused")),
    "a hundred years ago": ({"approved_at": "1926-11-24T09:30:00Z"}, (403, "ReleaseRefused")),
    "no time": ({"approved_at": None}, (422, "BadRequest")),
    "more than was asked": ({"photos": 0}, (422, "BadRequest")),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_malformed_approval_is_refused(office: Office, name: str) -> None:
    """By name; the case stays open and is then approved as it should be."""
    kim, lee = office.opened(), office.as_("lee")
    changes, expected = WRONG[name]
    body = {"approved_at": NOW.isoformat(), "approver_signature": "AAAA"} | changes
    assert refusal(lambda: lee.ask("POST", f"/cases/{CASE}/approve", body)) == expected
    assert kim.show(CASE)["state"] == "open"
    assert office.approve("lee")["state"] == "approved"


def test_a_signature_for_another_moment_or_person_is_none(office: Office) -> None:
    """The time and the approver's name are part of what was signed: neither is changed on the way."""
    office.opened()
    lee = office.as_("lee")
    asked = lee.to_approve(CASE)

    for approver, at, key in (
        ("lee", NOW - HOUR, office.keys["lee"]),
        ("both", NOW, office.keys["lee"]),
        ("lee", NOW, Ed25519PrivateKey.generate()),
    ):
        signature = sign(asked.approval(approver, at), "approver", key)
        body = {"approved_at": NOW.isoformat(), "approver_signature": _base64(signature)}
        assert refusal(lambda body=body: lee.ask("POST", f"/cases/{CASE}/approve", body)) == (403, "ReleaseRefused")  # type: ignore[misc]


def test_approving_twice_counts_once(office: Office) -> None:
    """The second time is refused, also by another approver."""
    office.approved()
    lee = office.as_("lee")
    shown = lee.show(CASE)
    assert refusal(lambda: office.approve("lee")) == (409, "WrongState")
    assert refusal(lambda: office.approve("both")) == (409, "WrongState")
    assert lee.show(CASE)["approved_at"] == shown["approved_at"]


@pytest.mark.parametrize("path", ["", "/consent", "/approve", "/withdraw", "/close", "/grants/tam", "/testimony"])
@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b"[]", b"null", b'"x"', b"{}"])
def test_garbage_at_any_door_is_refused_in_words(office: Office, path: str, raw: bytes) -> None:
    """No endpoint of a case answers garbage with a trace, and none changes anything for it."""
    kim = office.opened()
    method = "PUT" if "grants" in path else "POST"
    address = "/cases" if path == "" else f"/cases/{CASE}{path}"
    if path in ("/withdraw", "/close"):  # they take no body at all; what comes in one is not looked at
        address = address.replace(CASE, "case-9")
    answer = kim.http.request(method, address, content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code in (404, 403, 422)
    assert {"error", "message", "hint"} == set(answer.json())
    assert answer.json()["hint"]
    assert kim.show(CASE)["state"] == "open"


def _base64(raw: bytes) -> str:

    return base64.b64encode(raw).decode()
