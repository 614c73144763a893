"""Accounts that end, tokens that expire, and what somebody gets who guesses."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerSecond
from sqlmodel import Session

from central.accounts import service
from central.accounts.attempts import OF_ONE_ADDRESS, OF_ONE_PERSON, Attempts
from central.accounts.service import Role, Terms, account_of, add_account, grant, has_role, new_token, people
from central.accounts.tables import Account
from central.database import writing
from central.errors import NotFound, NotSignedIn, TooManyAttempts
from central.signers import verifier
from shared.errors import BadInput
from tests.central.authority_fixtures import NOW
from tests.central.centre_fixtures import Office
from tests.central.passkey_fixtures import SoftPasskey
from tests.waiting import wait_until

SOON = NOW + timedelta(hours=1)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


def asked(office: Office, token: str, path: str = "/cases", address: str = "") -> httpx.Response:
    """One request with a token; the server trusts its own machine to say for which address it forwards."""
    headers = {"Authorization": f"Bearer {token}"} | ({"X-Forwarded-For": address} if address else {})
    return office.http.get(path, headers=headers)


def test_an_expired_token_is_refused_and_says_so(office: Office) -> None:
    """To whoever shows the right token, and to nobody else, the refusal says that it has expired."""
    with writing(office.engine) as session:
        token = new_token(session, "kim", SOON)
        session.commit()
    assert asked(office, token).status_code == 200
    office.world.clock.advance(timedelta(hours=1))
    answer = asked(office, token)
    assert (answer.status_code, answer.json()["error"]) == (401, "NotSignedIn")
    assert "expired" in answer.json()["message"]
    assert "expired" not in asked(office, "kim.wrong").json()["message"]


def test_a_rotated_token_ends_the_one_before(office: Office) -> None:
    """After rotation only the new token works; key and roles stay."""
    with writing(office.engine) as session:
        before = bytes(session.get_one(Account, "kim").signing_public)
        token = new_token(session, "kim", SOON)
        session.commit()
        assert session.get_one(Account, "kim").signing_public == before
    assert asked(office, office.tokens["kim"]).status_code == 401
    assert asked(office, token).status_code == 200


def test_an_account_ends_by_itself(office: Office) -> None:
    """At its end an account neither signs in nor counts as a signer."""
    with writing(office.engine) as session:
        public = office.keys["tam"].public_key().public_bytes_raw()
        token = add_account(session, "tam", {Role.TRACER}, public, Terms(until=SOON))
        session.commit()
        assert "tam" in people(session, NOW)
        assert "tam" not in people(session, SOON)
    assert asked(office, token).status_code == 200
    office.world.clock.advance(timedelta(hours=1))
    assert "expired" not in asked(office, token).json()["message"]
    assert asked(office, token).status_code == 401


def test_a_role_ends_by_itself_and_the_others_stay(office: Office) -> None:
    """A role that was given for an hour is gone after it: for requests, and for those who check signatures."""
    with writing(office.engine) as session:
        grant(session, "tam", Role.APPROVER, SOON)
        session.commit()
        assert people(session, NOW)["tam"].roles == {"tracer", "approver"}
        assert people(session, SOON)["tam"].roles == {"tracer"}
        assert has_role(account_of(session, office.tokens["tam"], NOW), Role.APPROVER)
        assert not has_role(account_of(session, office.tokens["tam"], SOON), Role.APPROVER)
        grant(session, "tam", Role.APPROVER, None)
        session.commit()
        assert has_role(account_of(session, office.tokens["tam"], SOON), Role.APPROVER)


def test_what_ended_is_never_written_back(office: Office) -> None:
    """Reading an account after a role's end does not take the role away from the stored one."""
    with writing(office.engine) as session:
        grant(session, "tam", Role.APPROVER, SOON)
        session.commit()
        account_of(session, office.tokens["tam"], SOON)
        session.commit()
    with Session(office.engine) as session:
        assert session.get_one(Account, "tam").roles == "approver tracer"


def test_adding_an_account_again_forgets_its_old_terms(office: Office) -> None:
    """New roles come with new ends: what an earlier grant said about a role is gone."""
    with writing(office.engine) as session:
        grant(session, "tam", Role.APPROVER, SOON)
        public = office.keys["tam"].public_key().public_bytes_raw()
        token = add_account(session, "tam", {Role.APPROVER}, public)
        session.commit()
        assert has_role(account_of(session, token, SOON), Role.APPROVER)


def test_a_deactivated_account_is_out_at_once_and_can_come_back(office: Office) -> None:
    """Token and signature count no more; activated again, both do."""
    for active, status in ((False, 401), (True, 200)):
        with writing(office.engine) as session:
            service.set_active(session, "kim", active=active)
            session.commit()
            assert ("kim" in people(session, NOW)) is active
        assert asked(office, office.tokens["kim"]).status_code == status


def test_nobody_unknown_is_deactivated(office: Office) -> None:
    """A misspelt name is refused, so that nobody is left in by mistake."""
    with writing(office.engine) as session, pytest.raises(NotFound, match="no account"):
        service.set_active(session, "kin", active=False)


def test_whoever_has_no_key_signs_nothing(office: Office) -> None:
    """An account without a key signs in, and is no signer anywhere."""
    with writing(office.engine) as session:
        token = add_account(session, "new", {Role.TRACER}, b"")
        session.commit()
        assert "new" not in people(session, NOW)
    assert asked(office, token).status_code == 200
    with Session(office.engine) as session, pytest.raises(BadInput, match="no signing key is registered"):
        verifier(session.get_one(Account, "new").signing_public)


def test_one_passkey_is_never_two_peoples(office: Office) -> None:
    """The same key under another credential name is still the same key."""
    held = SoftPasskey()
    other = SoftPasskey(private=held.private, credential=b"another")
    with writing(office.engine) as session:
        service.put_key(session, "lee", held.public.to_bytes(), 0)
        with pytest.raises(BadInput, match="lee has this key already"):
            service.put_key(session, "kim", other.public.to_bytes(), 0)
        service.put_key(session, "lee", other.public.to_bytes(), 0)


def test_too_many_wrong_tokens_close_the_door_for_a_while(office: Office) -> None:
    """After ten wrong tokens for one person, even the right one waits, and the answer says for how long."""
    for _ in range(OF_ONE_PERSON.amount):
        assert asked(office, "kim.wrong").status_code == 401
    answer = asked(office, office.tokens["kim"])
    assert (answer.status_code, answer.json()["error"]) == (429, "TooManyAttempts")
    assert 0 < int(answer.headers["retry-after"]) <= OF_ONE_PERSON.get_expiry()
    assert "wait" in answer.json()["hint"]


def test_strangers_lock_nobody_out(office: Office) -> None:
    """Wrong tokens from one address close the door there: kim at her own address, and lee at that one, come in."""
    for _ in range(OF_ONE_PERSON.amount + 5):
        asked(office, "kim.wrong", address="198.51.100.7")
    assert asked(office, office.tokens["kim"], address="198.51.100.7").status_code == 429
    assert asked(office, office.tokens["kim"], address="203.0.113.5").status_code == 200
    assert asked(office, office.tokens["lee"], address="198.51.100.7").status_code == 200


def test_an_address_that_tries_many_names_is_closed(office: Office) -> None:
    """Guessing names instead does not help: fifty wrong tokens close the address for everybody."""
    for number in range(OF_ONE_ADDRESS.amount):
        assert asked(office, f"name-{number}.wrong", address="198.51.100.7").status_code == 401
    assert asked(office, office.tokens["lee"], address="198.51.100.7").status_code == 429


def test_wrong_tokens_are_not_in_the_audit_log(office: Office) -> None:
    """Strangers cannot fill the audit log, neither with wrong tokens nor at a closed door."""
    for _ in range(OF_ONE_PERSON.amount + 5):
        asked(office, "kim.wrong")
    # What the centre does by itself, such as sealing the day's canary, goes on.
    assert {one.account for one in office.audit()} <= {"centre"}


def test_the_door_opens_again_by_itself() -> None:
    """Tries at a closed door are not counted: it opens when its time is over, however often somebody knocked."""
    attempts = Attempts(RateLimitItemPerSecond(2, 1), RateLimitItemPerHour(100))
    for _ in range(2):
        attempts.check("kim", "192.0.2.1")
        attempts.failed("kim", "192.0.2.1")
    began = time.monotonic()

    def knock() -> bool:
        try:
            attempts.check("kim", "192.0.2.1")
        except TooManyAttempts:
            return False
        return True

    assert not knock() or time.monotonic() - began > 1
    wait_until(knock, "the door")


def test_an_ipv6_household_is_one_address() -> None:
    """Another address of the same /64 is not another try; another /64 is, and so is what is no address."""
    few: RateLimitItem = RateLimitItemPerHour(1)
    attempts = Attempts(few, RateLimitItemPerHour(100))
    attempts.failed("kim", "2001:db8:1:2::1")
    with pytest.raises(TooManyAttempts):
        attempts.check("kim", "2001:db8:1:2:ffff::9")
    for elsewhere in ("2001:db8:1:3::1", "192.0.2.1", "", "testclient"):
        attempts.check("kim", elsewhere)


def test_signing_in_on_the_pages_counts_as_well(office: Office) -> None:
    """The form has the same door, and says plainly what to do."""
    for _ in range(OF_ONE_PERSON.amount):
        assert office.http.post("/pages/sign-in", data={"token": "kim.wrong"}).status_code == 401
    answer = office.http.post("/pages/sign-in", data={"token": office.tokens["kim"]})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) > 0
    assert "too many wrong tokens" in answer.text.lower()
    assert not office.http.cookies


def test_an_expired_token_does_not_sign_in(office: Office) -> None:
    """The form refuses it as any other, and a session that it opened before has ended with it."""
    with writing(office.engine) as session:
        token = new_token(session, "kim", SOON)
        session.commit()
    with office.browser() as browser:
        assert browser.post("/pages/sign-in", data={"token": token}).url.path == "/pages/cases"
        office.world.clock.advance(timedelta(minutes=25))
        assert browser.get("/pages/cases").url.path == "/pages/cases"
        office.world.clock.advance(timedelta(minutes=25))
        assert browser.get("/pages/cases").url.path == "/pages/cases"
        office.world.clock.advance(timedelta(minutes=15))
        assert browser.get("/pages/cases").url.path == "/pages/sign-in"
        assert browser.post("/pages/sign-in", data={"token": token}).status_code == 401


def test_deactivating_ends_sessions_at_once(office: Office) -> None:
    """The next page that a deactivated person asks for is the sign-in."""
    with office.browser() as browser:
        browser.post("/pages/sign-in", data={"token": office.tokens["kim"]})
        with writing(office.engine) as session:
            service.set_active(session, "kim", active=False)
            session.commit()
        assert browser.get("/pages/cases").url.path == "/pages/sign-in"


def test_an_administrator_sees_terms_and_keys_and_no_secret(office: Office) -> None:
    """The list names ends, kinds of keys and fingerprints; neither a token nor a key."""
    with writing(office.engine) as session:
        grant(session, "tam", Role.APPROVER, SOON)
        service.put_key(session, "lee", SoftPasskey().public.to_bytes(), 0)
        session.commit()
    listed = {one["name"]: one for one in asked(office, office.tokens["adm"], "/accounts").json()}
    assert listed["tam"]["roles_until"] == {"approver": SOON.isoformat().replace("+00:00", "Z")}
    assert (listed["lee"]["key"], listed["kim"]["key"]) == ("passkey", "file")
    assert set(listed["kim"]) == {
        "name", "roles", "active", "until", "roles_until", "key", "fingerprint", "token_until",
    }  # fmt: skip


def test_a_wrong_token_never_says_which_part_was_wrong(office: Office) -> None:
    """An unknown name, a wrong secret, a deactivated and an ended account are refused in the same words."""
    with writing(office.engine) as session:
        service.set_active(session, "tec", active=False)
        session.commit()
        said = set()
        for token in ("nobody.x", "kim.x", office.tokens["tec"]):
            with pytest.raises(NotSignedIn) as refused:
                account_of(session, token, NOW)
            said.add(str(refused.value))
    assert len(said) == 1
