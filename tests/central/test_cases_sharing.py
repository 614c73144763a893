"""A case is its tracer's; another may be given it for a time, for no second more, and never becomes its approver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session

from central.accounts.tables import Account
from central.database import writing
from tests.central.authority_fixtures import CASE, NOW
from tests.central.centre_fixtures import Office
from tests.central.test_cases import refusal

DAY = timedelta(days=1)
GRANT = f"/cases/{CASE}/grants/tam"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


def share(office: Office, until: timedelta = DAY, who: str = "tam", by: str = "kim") -> Any:
    moment = (office.world.clock.now() + until).isoformat()
    return office.as_(by).ask("PUT", f"/cases/{CASE}/grants/{who}", {"until": moment})


def test_another_tracer_works_on_a_shared_case_until_a_moment(office: Office) -> None:
    """Until then they read, search and withdraw it as if it were theirs; from that second on it does not exist."""
    office.fill()
    office.approved()
    tam = office.as_("tam")
    assert refusal(lambda: tam.show(CASE)) == (404, "NotFound")
    assert tam.ask("GET", "/cases") == []
    given = share(office)
    assert (given["account"], given["given_by"], given["revoked_at"]) == ("tam", "kim", None)
    assert office.searched(tam)["asked_by"] == "tam"
    assert tam.ask("GET", f"/cases/{CASE}/route")["route"]["visits"]
    assert tam.show(CASE)["yours"] is True
    assert [line["case"] for line in tam.ask("GET", "/cases")] == [CASE]
    office.world.clock.advance(DAY)
    for act in (
        lambda: tam.show(CASE),
        lambda: tam.ask("GET", f"/cases/{CASE}/route"),
        lambda: tam.ask("POST", f"/cases/{CASE}/route-jobs"),
        lambda: tam.ask("POST", f"/cases/{CASE}/withdraw"),
        lambda: tam.ask("GET", f"/cases/{CASE}/testimony"),
        lambda: tam.ask("GET", f"/cases/{CASE}/consent.json"),
    ):
        assert refusal(act) == (404, "NotFound")
    assert tam.ask("GET", "/cases") == []


def test_a_share_taken_back_ends_at_once(office: Office) -> None:
    """Not at the end of anybody's session; twice is no error, and it may be given again."""
    kim, tam = office.approved(), office.as_("tam")
    share(office)
    assert tam.show(CASE)["state"] == "approved"
    first = kim.ask("DELETE", GRANT)
    assert first["revoked_at"]
    assert refusal(lambda: tam.show(CASE)) == (404, "NotFound")
    assert kim.ask("DELETE", GRANT) == first
    assert [one["account"] for one in kim.show(CASE)["shared_with"]] == ["tam"]
    share(office)
    assert tam.show(CASE)["state"] == "approved"
    told = [(entry.account, entry.action, entry.detail[:9]) for entry in office.audit() if "shared" in entry.action]
    assert told == [("kim", "shared", "with tam "), ("kim", "unshared", "from tam"), ("kim", "unshared", "from tam"),
                    ("kim", "shared", "with tam ")]  # fmt: skip


def test_who_was_given_a_case_does_not_share_it_on(office: Office) -> None:
    """Nor do they take shares back: that stays with whoever opened it."""
    office.approved()
    share(office)
    until = {"until": (NOW + DAY).isoformat()}
    both = f"/cases/{CASE}/grants/both"
    assert refusal(lambda: office.as_("tam").ask("PUT", both, until)) == (403, "NotAllowed")
    assert refusal(lambda: office.as_("tam").ask("DELETE", GRANT)) == (403, "NotAllowed")
    assert refusal(lambda: office.as_("both").ask("PUT", both, until)) == (404, "NotFound")


WRONG: dict[str, tuple[str, dict[str, Any], tuple[int, str]]] = {
    "with oneself": ("kim", {"until": (NOW + DAY).isoformat()}, (422, "BadInput")),
    "with nobody": ("nobody", {"until": (NOW + DAY).isoformat()}, (404, "NotFound")),
    "with somebody who is no tracer": ("tec", {"until": (NOW + DAY).isoformat()}, (403, "NotAllowed")),
    "until yesterday": ("tam", {"until": (NOW - DAY).isoformat()}, (422, "BadInput")),
    "until now": ("tam", {"until": NOW.isoformat()}, (422, "BadInput")),
    "for a month": ("tam", {"until": (NOW + 31 * DAY).isoformat()}, (422, "BadInput")),
    "for a hundred years": ("tam", {"until": "2126-01-01T00:00:00Z"}, (422, "BadInput")),
    "until a time without a zone": ("tam", {"until": "2026-11-25T09:00:00"}, (422, "BadRequest")),
    "until garbage": ("tam", {"until": "tomorrow"}, (422, "BadRequest")),
    "for ever": ("tam", {}, (422, "BadRequest")),
    "with more than was asked": ("tam", {"until": (NOW + DAY).isoformat(), "role": "approver"}, (422, "BadRequest")),
    "with a name that is none": ("Tam Nguyen", {"until": (NOW + DAY).isoformat()}, (422, "BadRequest")),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_share_that_makes_no_sense_is_refused(office: Office, name: str) -> None:
    """By its own name, and nobody gets anything."""
    kim = office.approved()
    other, body, expected = WRONG[name]
    assert refusal(lambda: kim.ask("PUT", f"/cases/{CASE}/grants/{other}", body)) == expected
    assert kim.show(CASE)["shared_with"] == []
    assert refusal(lambda: kim.ask("DELETE", GRANT)) == (404, "NotFound")


def test_who_worked_on_a_case_never_approves_it(office: Office) -> None:
    """Not while it is shared with them and not afterwards; and whoever approved it gets no share."""
    office.opened()
    share(office, who="both")
    assert refusal(lambda: office.approve("both")) == (403, "ReleaseRefused")
    office.as_("kim").ask("DELETE", f"/cases/{CASE}/grants/both")
    assert refusal(lambda: office.approve("both")) == (403, "ReleaseRefused")
    office.approve("lee")
    with writing(office.engine) as session:
        lee = session.get_one(Account, "lee")
        lee.roles = "approver tracer"
        session.add(lee)
        session.commit()
    assert refusal(lambda: share(office, who="lee")) == (403, "NotAllowed")


def test_a_share_gives_nothing_to_an_account_that_is_no_tracer_any_more(office: Office) -> None:
    """The role is asked at every step, not when the share was given."""
    office.approved()
    share(office)
    with Session(office.engine) as session:
        tam = session.get_one(Account, "tam")
        tam.roles = "technician"
        session.add(tam)
        session.commit()
    assert refusal(lambda: office.as_("tam").ask("GET", f"/cases/{CASE}/route")) == (403, "NotAllowed")


def test_a_consent_may_be_witnessed_by_whoever_was_given_the_case(office: Office) -> None:
    """In their own name and with their own key; the approver is warned that it was not the opener."""
    kim = office.as_("kim")
    kim.open(office.scope(), office.keys["kim"])
    share(office)
    tam, key = office.as_("tam"), office.keys["tam"]
    assert tam.consent(office.receipt(signed_by="tam"), key)["consent"]["signed_by"] == "tam"
    foreign = office.receipt(receipt="r-2", signed_by="kim")
    assert refusal(lambda: tam.consent(foreign, office.keys["kim"])) == (403, "NotAllowed")


STRANGERS: dict[str, Callable[[Office], object]] = {
    "an approver shares": lambda office: office.as_("lee").ask("PUT", GRANT, {"until": (NOW + DAY).isoformat()}),
    "an officer shares": lambda office: office.as_("oda").ask("PUT", GRANT, {"until": (NOW + DAY).isoformat()}),
    "an administrator shares": lambda office: office.as_("adm").ask("PUT", GRANT, {"until": (NOW + DAY).isoformat()}),
    "a technician takes back": lambda office: office.as_("tec").ask("DELETE", GRANT),
}


@pytest.mark.parametrize("who", STRANGERS)
def test_nobody_but_a_tracer_shares(office: Office, who: str) -> None:
    """Whoever has another role is refused before anything is looked up."""
    office.approved()
    assert refusal(lambda: STRANGERS[who](office)) == (403, "NotAllowed")
