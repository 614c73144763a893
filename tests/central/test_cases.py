"""What is refused on the way of a case, by which name, and that each refusal stands in the audit log."""

from __future__ import annotations

import base64
import dataclasses
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import Session, text

from central.audit.service import first_broken
from central.cases.client import ApiRefused, ToApprove
from central.probes.service import ProbeService
from central.probes.templates import Kept, SealedTemplates
from central.search.case_search import SearchParts
from shared.errors import Refused
from shared.releases import scope_from_bytes
from tests.central.authority_fixtures import CASE, NOW
from tests.central.centre_fixtures import Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


def refusal(act: Callable[[], object]) -> tuple[int, str]:
    """Status and name of what `act` is refused with; every refusal says what to do next."""
    with pytest.raises(ApiRefused) as caught:
        act()
    assert caught.value.hint
    return caught.value.status, caught.value.name


def test_a_scope_that_no_signature_could_make_right_is_refused(office: Office) -> None:
    """Too long, future, empty, expired or unfounded: refused when the case is opened, not only by the authorities."""
    kim, key = office.as_("kim"), office.keys["kim"]
    hour, day = timedelta(hours=1), timedelta(days=1)
    wrong = [
        {"start": NOW - 15 * day},
        {"start": NOW - 20 * day, "end": NOW - 15 * day},
        {"end": NOW + day},
        {"end": NOW - 13 * hour},
        {"expires": NOW - hour},
        {"purpose": "   "},
        {"consents": ("gait",)},
    ]
    for changes in wrong:
        scope = office.scope(**changes)  # type: ignore[arg-type]
        assert refusal(lambda scope=scope: kim.open(scope, key)) == (403, "ReleaseRefused"), changes  # type: ignore[misc]
    assert refusal(lambda: kim.open(office.scope(cells=("nowhere",)), key)) == (422, "BadInput")
    assert refusal(lambda: kim.open(office.scope(cells=()), key)) == (403, "ReleaseRefused")
    assert refusal(lambda: kim.open(office.scope(consents=()), key)) == (403, "ReleaseRefused")
    assert refusal(lambda: kim.open(office.scope(case="Case 1"), key)) == (422, "BadRequest")
    assert kim.ask("GET", "/cases") == []


def test_a_case_is_signed_with_ones_own_key_in_ones_own_name(office: Office) -> None:
    """Another's key, another's name, or a changed field: refused."""
    kim, scope = office.as_("kim"), office.scope()
    assert refusal(lambda: kim.open(scope, Ed25519PrivateKey.generate())) == (403, "ReleaseRefused")
    assert refusal(lambda: kim.open(office.scope(opened_by="tam"), office.keys["tam"])) == (403, "NotAllowed")
    kim.open(scope, office.keys["kim"])
    assert refusal(lambda: kim.open(scope, office.keys["kim"])) == (409, "WrongState")


def test_a_consent_must_carry_the_case(office: Office) -> None:
    """Expired, future, narrower than the search, or witnessed by another: refused."""
    kim, key = office.as_("kim"), office.keys["kim"]
    kim.open(office.scope(consents=("face", "appearance")), key)
    hour = timedelta(hours=1)
    both = ("face", "appearance")
    for changes in (
        {"expires": NOW - hour, "scopes": both},
        {"given_at": NOW + hour, "scopes": both},
        {"scopes": ("face",)},
    ):
        receipt = office.receipt(**changes)
        assert refusal(lambda receipt=receipt: kim.consent(receipt, key)) == (403, "ReleaseRefused")  # type: ignore[misc]
    foreign = office.receipt(signed_by="tam", scopes=both)
    assert refusal(lambda: kim.consent(foreign, office.keys["tam"])) == (403, "NotAllowed")
    unsigned = office.receipt(scopes=both)
    assert refusal(lambda: kim.consent(unsigned, Ed25519PrivateKey.generate())) == (403, "ReleaseRefused")
    assert kim.consent(office.receipt(scopes=both), key)["consent"]["scopes"] == ["face", "appearance"]


def test_nothing_is_approved_before_its_time(office: Office) -> None:
    """Without consent, and without a registered patient, there is nothing to approve; nor with another's signature."""
    kim, lee = office.as_("kim"), office.as_("lee")
    kim.open(office.scope(), office.keys["kim"])

    def asked(**changes: Any) -> ToApprove:
        plain: dict[str, Any] = {"scope": office.scope(), "consent": office.receipt()}
        return ToApprove(**(plain | {"template": bytes(32), "photos": 1} | changes))

    def sign(what: ToApprove, key: Ed25519PrivateKey = office.keys["lee"]) -> Any:
        return lee.approve(what, key, NOW)

    assert refusal(lambda: sign(asked())) == (409, "WrongState")
    kim.consent(office.receipt(), office.keys["kim"])
    assert refusal(lambda: sign(asked())) == (409, "WrongState")
    with pytest.raises(Refused, match="not registered"):
        lee.to_approve(CASE)
    kim.register(CASE, office.sealed_template())
    shown = lee.to_approve(CASE)
    assert refusal(lambda: sign(shown, Ed25519PrivateKey.generate())) == (403, "ReleaseRefused")
    changes: dict[str, Any] = {"scope": office.scope(purpose="consent-only"), "template": bytes(32), "photos": 2}
    for name, value in changes.items():
        changed = dataclasses.replace(shown, **{name: value})
        assert refusal(lambda changed=changed: sign(changed)) == (403, "ReleaseRefused"), name  # type: ignore[misc]
    assert refusal(lambda: kim.ask("POST", f"/cases/{CASE}/route-jobs")) == (409, "WrongState")
    assert sign(shown)["state"] == "approved"


def test_who_opened_a_case_never_approves_it_whatever_their_roles(office: Office) -> None:
    """Somebody who is tracer and approver is refused for their own case, and the refusal is in the audit log."""
    office.opened(by="both")
    assert refusal(lambda: office.approve("both")) == (403, "ReleaseRefused")
    last = office.audit()[-1]
    assert (last.account, last.action, last.case) == ("both", "refused", CASE)
    assert "the approver opened this case" in last.detail


def test_after_the_approval_nobody_swaps_the_patient(office: Office) -> None:
    """Once approved, another template is refused: the approver signed for the one that was registered."""
    kim = office.approved()
    assert refusal(lambda: kim.register(CASE, office.sealed_template())) == (409, "WrongState")
    assert refusal(lambda: kim.consent(office.receipt(), office.keys["kim"])) == (409, "WrongState")


def test_a_template_that_comes_while_the_approver_signs_is_not_searched_with(tmp_path: Path) -> None:
    """Approved between the question and the answer: the late template is refused and erased, not swapped in."""

    class Slow(ProbeService):
        """Keeps a template, and before it answers, the approver signs."""

        meanwhile: Callable[[], object] | None = None

        def register(self, case: str, sealed: bytes) -> Kept:
            kept = super().register(case, sealed)
            if self.meanwhile:
                self.meanwhile()
            return kept

    office = Office(tmp_path)
    world = office.world
    slow = Slow(world.probes_key, SealedTemplates(tmp_path / "slow"), world.authorities)
    with office.open(SearchParts(world.authorities, slow, office.store)):
        kim = office.opened()
        slow.meanwhile = lambda: office.approve("lee")
        assert refusal(lambda: kim.register(CASE, office.sealed_template())) == (409, "WrongState")
        assert kim.show(CASE)["state"] == "approved"
        assert list((tmp_path / "slow").iterdir()) == []


def test_a_template_of_another_case_is_refused(office: Office) -> None:
    """What was sealed for another case, to another key, or not at all, is refused by the probe service by name."""
    kim = office.as_("kim")
    kim.open(office.scope(), office.keys["kim"])
    assert refusal(lambda: kim.register(CASE, office.sealed_template("case-2"))) == (422, "CannotOpen")
    assert refusal(lambda: kim.register(CASE, bytes(1000))) == (422, "CannotOpen")
    assert refusal(lambda: kim.register(CASE, b"")) == (422, "CannotOpen")
    assert refusal(lambda: kim.register(CASE, bytes(300 * 1024))) == (413, "TooMuch")
    assert kim.show(CASE)["registered"] is False


def test_an_expired_approval_is_refused(office: Office) -> None:
    """After the expiry that both signed, no search begins."""
    kim = office.approved()
    office.world.clock.advance(timedelta(days=3))
    assert refusal(lambda: kim.ask("POST", f"/cases/{CASE}/route-jobs")) == (403, "ReleaseRefused")


def test_a_withdrawn_case_stays_withdrawn(office: Office) -> None:
    """The same search, template, consent and approval are refused by name; the name of the case is never used again."""
    office.fill()
    kim = office.approved()
    assert office.searched(kim)["state"] == "done"
    kim.ask("POST", f"/cases/{CASE}/withdraw")
    for act in (
        lambda: kim.ask("POST", f"/cases/{CASE}/route-jobs"),
        lambda: kim.ask("GET", f"/cases/{CASE}/route"),
        lambda: kim.ask("GET", f"/cases/{CASE}/contacts"),
        lambda: kim.register(CASE, office.sealed_template()),
        lambda: kim.consent(office.receipt(), office.keys["kim"]),
        lambda: office.approve("lee"),
    ):
        assert refusal(act) == (409, "CaseEnded")
    assert refusal(lambda: kim.open(office.scope(), office.keys["kim"])) == (409, "WrongState")
    assert kim.ask("POST", f"/cases/{CASE}/close")["state"] == "withdrawn"
    for authority in office.world.authorities:
        assert authority.log_entries()[-1].action == "withdrawn"


def test_withdrawing_leaves_no_trace_of_the_route_on_disk(office: Office) -> None:
    """Neither the database nor its write-ahead log holds the route's words any more."""
    office.fill()
    kim = office.approved()
    office.searched(kim)
    mark = b'"visits"'

    def files() -> bytes:
        return b"".join(path.read_bytes() for path in office.folder.glob("centre.sqlite*"))

    assert mark in files()
    kim.ask("POST", f"/cases/{CASE}/withdraw")
    assert mark not in files()


def test_the_privacy_officer_withdraws_on_a_patients_word(office: Office) -> None:
    """Without seeing the case, the privacy officer can end it."""
    kim, oda = office.approved(), office.as_("oda")
    assert refusal(lambda: oda.show(CASE)) == (403, "NotAllowed")
    assert oda.ask("POST", f"/cases/{CASE}/withdraw")["state"] == "withdrawn"
    assert refusal(lambda: kim.ask("POST", f"/cases/{CASE}/route-jobs")) == (409, "CaseEnded")


def test_a_closed_case_keeps_its_route_and_can_still_be_withdrawn(office: Office) -> None:
    """Closing stops searches and erases the template; the report stays readable until somebody withdraws."""
    office.fill()
    kim = office.approved()
    office.searched(kim)
    assert kim.ask("POST", f"/cases/{CASE}/close") == {"case": CASE, "state": "closed", "withdrawn": [], "untold": []}
    assert kim.ask("GET", f"/cases/{CASE}/route")["route"]["visits"]
    assert list((office.folder / "templates").iterdir()) == []
    assert refusal(lambda: kim.ask("POST", f"/cases/{CASE}/route-jobs")) == (409, "CaseEnded")
    kim.ask("POST", f"/cases/{CASE}/withdraw")
    assert refusal(lambda: kim.ask("GET", f"/cases/{CASE}/route")) == (409, "CaseEnded")


def test_every_read_release_and_refusal_is_in_the_log_and_the_log_is_whole(office: Office) -> None:
    """The log tells who opened, signed, searched, read and was refused; an edit of it shows."""
    office.fill()
    kim = office.approved()
    office.searched(kim)
    kim.ask("GET", f"/cases/{CASE}/route")
    kim.ask("GET", f"/cases/{CASE}/contacts", params={"preset": "who-2021"})
    kim.ask("GET", f"/cases/{CASE}/route/map.svg")
    refusal(lambda: kim.ask("GET", "/nodes"))
    people = [entry for entry in office.audit() if entry.account != "centre"]
    assert [(entry.account, entry.action) for entry in people] == [
        ("kim", "opened"), ("kim", "consent"), ("kim", "registered"), ("lee", "read case"), ("lee", "approved"),
        ("kim", "search"), ("kim", "released"), ("kim", "read route"), ("kim", "read contacts"),
        ("kim", "read route map"), ("kim", "refused"),
    ]  # fmt: skip
    oda = office.as_("oda")
    found = oda.ask("GET", "/audit/check")
    assert (found["whole"], found["first_broken"], found["erased"]) == (True, None, 0)
    assert oda.ask("GET", "/audit", params={"case": CASE, "after": people[4].id, "limit": 1})[0]["action"] == "search"
    edited = people[3].id
    with office.engine.begin() as connection:
        connection.execute(text("UPDATE auditentry SET account = 'tam' WHERE id = :edited"), {"edited": edited})
    broken = oda.ask("GET", "/audit/check")
    assert (broken["whole"], broken["first_broken"], broken["reason"]) == (False, edited, "this entry was edited")
    with Session(office.engine) as session:
        assert first_broken(session) == edited


def test_documents_come_back_as_they_were_signed(office: Office) -> None:
    """Sub-second times and zones survive the way to the centre and back, byte for byte."""
    kim = office.as_("kim")
    scope = office.scope(start=NOW - timedelta(hours=3, microseconds=1))
    kim.open(scope, office.keys["kim"])
    assert scope_from_bytes(base64.b64decode(kim.show(CASE)["documents"]["scope"])) == scope


def test_a_withdrawal_during_a_long_read_does_not_wait_and_is_finished_later(office: Office) -> None:
    """While somebody reads the database the old words stay in its log; the next upkeep pushes them out."""
    office.fill()
    kim = office.approved()
    office.searched(kim)

    def files() -> bytes:
        return b"".join(path.read_bytes() for path in office.folder.glob("centre.sqlite*"))

    with office.engine.connect() as reader:
        assert reader.execute(text("SELECT count(*) FROM storedbatch")).scalar_one() == 1
        kim.ask("POST", f"/cases/{CASE}/withdraw")
        assert office.centre.erased.is_set()
    office.centre.upkeep()
    assert not office.centre.erased.is_set()
    assert b'"visits"' not in files()


def test_cases_are_listed_page_by_page(office: Office) -> None:
    """Newest first, as many as asked for, to the approver all and to a tracer their own."""
    kim, tam = office.as_("kim"), office.as_("tam")
    for number in range(3):
        office.world.clock.advance(timedelta(seconds=1))
        kim.open(office.scope(f"case-{number}"), office.keys["kim"])
    tam.open(office.scope("case-tam", "tam"), office.keys["tam"])
    pages = [kim.ask("GET", "/cases", params={"skip": skip, "limit": 2}) for skip in (0, 2)]
    assert [[row["case"] for row in page] for page in pages] == [["case-2", "case-1"], ["case-0"]]
    assert len(office.as_("lee").ask("GET", "/cases")) == 4
