"""Enrolling and signing with a passkey on the pages, over real HTTP, with an authenticator that can also lie."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from sqlmodel import Session

from central.accounts.service import ENROL_LIFE, Role, Terms, add_account, allow_enrolment
from central.accounts.tables import Account
from central.database import writing
from central.signers import fingerprint, verifier
from central.web.signing import SIGN_WITHIN
from shared.errors import BadInput
from shared.wire import unpack
from tests.central.authority_fixtures import CASE
from tests.central.centre_fixtures import Office
from tests.central.passkey_fixtures import PRESENT, SoftPasskey

APPROVE = f"/pages/cases/{CASE}/approve"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


class Browser:
    """Somebody at the pages, under localhost, where browsers allow passkeys, with a passkey of their own."""

    def __init__(self, office: Office, name: str, token: str = "") -> None:
        self.office, self.name = office, name
        self.origin = office.url.replace("127.0.0.1", "localhost")
        self.http = httpx.Client(base_url=self.origin, follow_redirects=True, timeout=60)
        self.http.post("/pages/sign-in", data={"token": token or office.tokens[name]})
        self.passkey = SoftPasskey(origin=self.origin)

    def allowed(self) -> Browser:
        """An administrator has allowed one passkey."""
        with writing(self.office.engine) as session:
            allow_enrolment(session, self.name, self.office.world.clock.now() + ENROL_LIFE)
            session.commit()
        return self

    def enrol(self, **lies: Any) -> httpx.Response:
        page = self.http.get("/pages/key")
        options = json.loads(value_of(page, "data-make"))
        client, attestation = self.passkey.enrol(from_web(options["challenge"]), **lies)
        fields = {"form_key": form_key(page), "client_data": client, "attestation": attestation}
        return self.http.post("/pages/key", data=fields)

    def at_the_offices(self) -> Browser:
        """Each office has registered the file that was exported."""
        public = self.http.get("/pages/key/public").content
        for authority in self.office.world.authorities:
            authority.registry.put_person(self.name, frozenset({"approver"}), public)
        return self

    def form(self, page: httpx.Response, passkey: SoftPasskey | None = None, **lies: Any) -> dict[str, str]:
        """What the page's script would send: the passkey's answer to what the page asks to be signed."""
        document = value_of(page, "data-sign")
        data = lies.pop("data", from_web(document))
        blob = (passkey or self.passkey).sign(data, **lies)
        names = ("authenticator_data", "client_data", "signature")
        parts = {name: to_web(part) for name, part in zip(names, unpack(blob, BadInput, ""), strict=True)}
        at = re.search(r'name="approved_at" value="([^"]+)"', page.text)
        assert at
        return {"form_key": form_key(page), "approved_at": html.unescape(at[1]), "document": document} | parts

    def approve(self, **lies: Any) -> httpx.Response:
        return self.http.post(APPROVE, data=self.form(self.http.get(APPROVE), **lies))


At = Callable[..., Browser]


def form_key(page: httpx.Response) -> str:
    found = re.search(r'name="form_key" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def value_of(page: httpx.Response, attribute: str) -> str:
    found = re.search(rf'{attribute}="([^"]*)"', page.text)
    assert found, page.text
    return html.unescape(found[1])


def from_web(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def to_web(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def text_of(page: httpx.Response) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page.text)))


@pytest.fixture
def at(office: Office) -> Iterator[At]:
    """Browsers of people by their names."""
    with ExitStack() as opened:

        def begin(name: str, token: str = "") -> Browser:
            browser = Browser(office, name, token)
            opened.callback(browser.http.close)
            return browser

        yield begin


@pytest.fixture
def lee(office: Office, at: At) -> Browser:
    """An approver whose passkey the centre and both offices have; a case waits."""
    browser = at("lee").allowed()
    assert browser.enrol().status_code == 200
    office.opened()
    return browser.at_the_offices()


def state_of(office: Office) -> str:
    return str(office.as_("kim").show(CASE)["state"])


def test_a_case_approved_by_passkey_is_searched(office: Office, lee: Browser) -> None:
    """Both authorities verify the passkey's signature against what their own office registered, and release."""
    office.fill()
    page = lee.approve()
    assert (page.status_code, page.url.path) == (200, f"/pages/cases/{CASE}")
    kim = office.as_("kim")
    assert kim.show(CASE)["approver"] == "lee"
    assert office.searched(kim)["state"] == "done"
    assert ("lee", "approved") in [(one.account, one.action) for one in office.audit()]


def test_what_is_signed_is_shown_in_words(office: Office, lee: Browser) -> None:
    """Basis, window, cells, scopes, consent, template, photos and end, and a warning when it is the whole city."""
    shown = text_of(lee.http.get(APPROVE))
    for told in (
        "Sign case case-1?", "all 1 cells", "Opened by kim", "face", "2026-11-24 06:30 – 2026-11-24 19:00",
        "made from 1 photos", "noted by kim", "Asia/Seoul", "cairn-central case approve case-1",
    ):  # fmt: skip
        assert told in shown, told
    korean = text_of(lee.http.get(APPROVE, params={"language": "ko"}))
    assert "도시 전체 검색입니다" in korean


def test_the_page_asks_for_the_very_bytes_that_are_stored(office: Office, lee: Browser) -> None:
    """The document in the page, in the database and under the signature is one."""
    page = lee.http.get(APPROVE)
    document = from_web(value_of(page, "data-sign"))
    lee.http.post(APPROVE, data=lee.form(page))
    stored = base64.b64decode(office.as_("kim").show(CASE)["documents"]["approval"])
    assert document == b"approver\0" + stored


def test_the_opener_cannot_approve_with_a_passkey(office: Office, at: At) -> None:
    """Whoever opened the case gets no page to sign on, and a form sent all the same is refused."""
    both = at("both").allowed()
    office.opened(by="both")
    both.enrol()
    assert both.http.get(APPROVE).status_code == 403
    fields = {"form_key": form_key(both.http.get("/pages/key")), "approved_at": "2026-11-24T09:30:00+00:00"}
    refused = both.http.post(APPROVE, data=fields)
    assert refused.status_code == 403
    assert office.as_("both").show(CASE)["state"] == "open"


def test_another_persons_passkey_is_refused(office: Office, lee: Browser, at: At) -> None:
    """A signature by somebody else's passkey, even one enrolled here, is not lee's."""
    tam = at("tam").allowed()
    tam.enrol()
    refused = lee.approve(passkey=tam.passkey)
    assert refused.status_code == 403
    assert "signature of the approver does not verify" in text_of(refused)
    assert state_of(office) == "open"


def test_an_answer_for_one_case_approves_no_other(office: Office, lee: Browser) -> None:
    """An assertion that was made for another case is refused, as is one for another moment of the same."""
    office.opened("case-2")
    other = lee.form(lee.http.get("/pages/cases/case-2/approve"))
    page = lee.http.get(APPROVE)
    own = lee.form(page)
    taken = ("authenticator_data", "client_data", "signature")
    assert lee.http.post(APPROVE, data=own | {name: other[name] for name in taken}).status_code == 403
    assert lee.http.post(APPROVE, data=other | {"form_key": own["form_key"]}).status_code == 409
    earlier = {"approved_at": (office.world.clock.now() - timedelta(minutes=1)).isoformat()}
    assert lee.http.post(APPROVE, data=own | earlier).status_code == 409
    assert state_of(office) == "open"


def test_a_case_that_changed_after_it_was_shown_is_not_approved(office: Office, lee: Browser) -> None:
    """Another template registered while the page was open: what was signed is not what is there."""
    fields = lee.form(lee.http.get(APPROVE))
    office.as_("kim").register(CASE, office.sealed_template())
    refused = lee.http.post(APPROVE, data=fields)
    assert refused.status_code == 409
    assert "has changed since it was shown" in text_of(refused)
    assert state_of(office) == "open"


def test_a_tampered_document_is_refused(office: Office, lee: Browser) -> None:
    """A page that asked for other bytes than it showed gets a signature that fits nothing."""
    page = lee.http.get(APPROVE)
    document = from_web(value_of(page, "data-sign"))
    for tampered in (document.replace(b"lee", b"kim"), document[:-1], document + b"\0"):
        assert lee.http.post(APPROVE, data=lee.form(page, data=tampered)).status_code == 403
    assert state_of(office) == "open"


@pytest.mark.parametrize(
    "lies",
    [
        {"flags": PRESENT}, {"origin": "https://cairn.example.com"}, {"origin": "http://localhost:1"},
        {"rp": "example.com"}, {"kind": "webauthn.create"}, {"client": {"crossOrigin": True}},
    ],
    ids=str,
)  # fmt: skip
def test_a_passkey_used_in_another_way_is_refused(office: Office, lee: Browser, lies: dict[str, Any]) -> None:
    """Without a verified person, under another address, in a frame or for another purpose: no approval."""
    assert lee.approve(**lies).status_code == 403
    assert state_of(office) == "open"


def test_junk_in_the_form_is_refused(office: Office, lee: Browser) -> None:
    """Broken, missing and absurd fields get a page that says what to do, and no approval."""
    page = lee.http.get(APPROVE)
    good = lee.form(page)
    for junk in ({"signature": "%%%"}, {"signature": ""}, {"client_data": "e30"}, {"authenticator_data": "AA"}):
        assert lee.http.post(APPROVE, data=good | junk).status_code in (403, 422)
    for at in ("", "yesterday", "2026-11-24T09:30:00", "9999-12-31T23:59:59+00:00"):
        assert lee.http.post(APPROVE, data=good | {"approved_at": at}).status_code in (409, 422)
    assert state_of(office) == "open"


def test_a_page_that_was_open_for_too_long_signs_nothing(office: Office, lee: Browser) -> None:
    """An approver looks and signs in one sitting."""
    fields = lee.form(lee.http.get(APPROVE))
    office.world.clock.advance(SIGN_WITHIN + timedelta(seconds=1))
    refused = lee.http.post(APPROVE, data=fields)
    assert refused.status_code == 409
    assert "open for too long" in text_of(refused)


def test_a_stolen_token_without_the_key_can_only_look(office: Office, lee: Browser, at: At) -> None:
    """Whoever stole an approver's token reads what waits; they can neither sign, nor enrol a key, nor read a route."""
    thief = at("lee")
    assert thief.http.get(APPROVE).status_code == 200
    assert thief.approve().status_code == 403
    page = thief.http.get("/pages/key")
    client, attestation = thief.passkey.enrol(sha256(b"guess").digest())
    fields = {"form_key": form_key(page), "client_data": client, "attestation": attestation}
    refused = thief.http.post("/pages/key", data=fields)
    assert refused.status_code == 403
    assert "no passkey may be enrolled now" in text_of(refused)
    stolen = office.as_("lee")
    for path in (f"/cases/{CASE}/route", f"/cases/{CASE}/contacts", "/accounts", "/audit"):
        assert stolen.http.get(path).status_code == 403
    assert stolen.http.post(f"/cases/{CASE}/withdraw").status_code == 403
    assert state_of(office) == "open"


def test_a_thief_who_enrols_first_is_refused_by_the_authorities(office: Office, lee: Browser, at: At) -> None:
    """Even a key that the centre took from a thief releases nothing: the offices know lee's own."""
    office.fill()
    thief = at("lee").allowed()
    assert thief.enrol().status_code == 200
    assert thief.approve().status_code == 200
    job = office.searched(office.as_("kim"))
    assert (job["state"], job["error"]["error"]) == ("failed", "ReleaseRefused")
    assert "signature" in job["error"]["message"]


def test_the_centre_holds_nothing_to_sign_with(office: Office, lee: Browser) -> None:
    """Of a person's key the database has the public half; with all of it, no signature can be made that verifies."""
    with Session(office.engine) as session:
        stored = session.get_one(Account, "lee").signing_public
    assert verifier(stored) == lee.passkey.public
    assert set(unpack(stored, BadInput, "")) == {"kind", "key", "credential", "origin"}
    forger = SoftPasskey(origin=lee.origin, credential=lee.passkey.credential)
    with pytest.raises(InvalidSignature):
        verifier(stored).verify(forger.sign(b"x"), b"x")


def test_a_passkey_is_enrolled_once_and_only_while_allowed(office: Office, at: At) -> None:
    """Without permission there is no button; with it, one passkey; a day later, none."""
    lee = at("lee")
    assert "data-make" not in lee.http.get("/pages/key").text
    lee.allowed()
    page = lee.enrol()
    assert fingerprint(lee.passkey.public.to_bytes()) in text_of(page)
    assert "data-make" not in page.text
    assert [(one.account, one.action) for one in office.audit()][-1] == ("lee", "enrolled passkey")
    lee.allowed()
    office.world.clock.advance(ENROL_LIFE)
    lee = at("lee")
    assert "data-make" not in lee.http.get("/pages/key").text


def test_a_new_account_without_a_key_enrols_its_first(office: Office, at: At) -> None:
    """An approver who was added without a key makes a passkey and signs with it."""
    with writing(office.engine) as session:
        terms = Terms(enrol_until=office.world.clock.now() + ENROL_LIFE)
        token = add_account(session, "new", {Role.APPROVER}, b"", terms)
        session.commit()
    new = at("new", token)
    assert "none yet" in text_of(new.http.get("/pages/key"))
    assert new.enrol().status_code == 200
    office.opened()
    assert new.approve().status_code == 200
    assert state_of(office) == "approved"


@pytest.mark.parametrize(
    "lies", [{"challenge": bytes(32)}, {"origin": "https://evil.example"}, {"flags": PRESENT}], ids=str
)
def test_a_lie_enrols_nothing(office: Office, lies: dict[str, Any], at: At) -> None:
    """An answer for another page, another site or without a verified person is refused, and the permission stays."""
    lee = at("lee").allowed()
    assert lee.enrol(**lies).status_code == 422
    assert lee.enrol().status_code == 200


def test_somebody_elses_passkey_is_not_enrolled(office: Office, lee: Browser, at: At) -> None:
    """One passkey is one person's."""
    kim = at("kim").allowed()
    kim.passkey = lee.passkey
    refused = kim.enrol()
    assert refused.status_code == 422
    assert "each person holds their own" in text_of(refused)


def test_a_copied_passkey_is_noticed(office: Office, lee: Browser) -> None:
    """A counter that went back says that a copy is in use: the approval stands, and the audit log warns."""
    lee.passkey.counter = 7
    assert lee.approve().status_code == 200
    office.opened("case-2")
    lee.passkey.counter = 6
    page = lee.http.get("/pages/cases/case-2/approve")
    assert lee.http.post("/pages/cases/case-2/approve", data=lee.form(page)).status_code == 200
    warnings = [(one.account, one.case) for one in office.audit() if one.action == "key warning"]
    assert warnings == [("lee", "case-2")]


def test_where_no_address_is_set_passkeys_say_so(office: Office) -> None:
    """Under a number instead of a name no passkey works, and the page says what an administrator has to do."""
    with office.browser() as http:
        http.post("/pages/sign-in", data={"token": office.tokens["lee"]})
        assert "CAIRN_CENTRE_ORIGIN" in text_of(http.get("/pages/key"))
        office.opened()
        assert "Sign with a key file" in text_of(http.get(APPROVE))
        fields = {"form_key": form_key(http.get("/pages/key"))}
        assert http.post("/pages/key", data=fields).status_code == 409


def test_only_pages_with_a_passkey_may_run_the_one_script(office: Office, lee: Browser) -> None:
    """Its own file and nothing inline; every other page allows no script at all."""
    policy = lee.http.get(APPROVE).headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "script" not in lee.http.get("/pages/cases").headers["content-security-policy"]
    assert "script" not in lee.http.get("/pages/key").headers["content-security-policy"]
    served = lee.http.get("/pages/passkey.js")
    assert served.headers["content-type"].startswith("text/javascript")
    assert "innerHTML" not in served.text


@pytest.mark.usefixtures("lee")
def test_a_key_file_still_approves(office: Office) -> None:
    """Another approver with a key file signs the same case from the command line; a passkey takes nothing away."""
    office.approve("both")
    assert state_of(office) == "approved"
