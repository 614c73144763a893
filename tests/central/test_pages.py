"""The tracer's pages over real HTTP: who gets in, what is shown to whom, what is noted, what a foreign form gets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path

import httpx
import pytest
from sqlmodel import Session

from central.accounts.service import Role, add_account
from central.accounts.tables import Account
from central.database import writing
from central.errors import NotSignedIn
from central.web.rendering import HERE
from central.web.sessions import IDLE, LONGEST, MOST_OF_ONE, Sessions
from central.web.words import WORDS
from tests.central.authority_fixtures import CASE, NOW
from tests.central.centre_fixtures import Office
from tests.consents import BASIS
from tests.waiting import wait_until

FOUND = f"/pages/cases/{CASE}"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


@pytest.fixture
def browser(office: Office) -> Iterator[httpx.Client]:
    """Follows redirects and keeps cookies; it has no script, as nobody needs any."""
    with office.browser() as client:
        yield client


def signed_in(office: Office, browser: httpx.Client, name: str = "kim") -> httpx.Response:
    return browser.post("/pages/sign-in", data={"token": office.tokens[name]})


def form_key(page: httpx.Response) -> str:
    found = re.search(r'name="form_key" value="([^"]+)"', page.text)
    assert found
    return found[1]


def text_of(page: httpx.Response | str) -> str:
    """What a page, or a part of one, says without its tags."""
    whole = page if isinstance(page, str) else page.text
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", whole)))


def tell(office: Office, browser: httpx.Client, **fields: str) -> httpx.Response:
    """A visit of twenty minutes, as the form of the told timeline sends it: in local time."""
    path = f"{FOUND}/timeline"
    start = (office.world.clock.now() - timedelta(hours=2)).astimezone(office.centre.zone)
    times = {"start": start, "end": start + timedelta(minutes=20)}
    sent = {name: at.strftime("%Y-%m-%dT%H:%M") for name, at in times.items()} | {"place": "bakery", "note": ""}
    return browser.post(path, data={"form_key": form_key(browser.get(path)), **sent, **fields})


def test_nothing_is_shown_before_signing_in(browser: httpx.Client) -> None:
    """Every page of a stranger leads to the sign-in, cases that do not exist as much as those that do."""
    for path in ("/", "/pages/cases", FOUND, f"{FOUND}/map.svg", "/pages/cases/none"):
        page = browser.get(path)
        assert page.url.path == "/pages/sign-in"
        assert CASE not in page.text


def test_a_token_opens_the_pages_and_is_never_given_back(office: Office, browser: httpx.Client) -> None:
    """After signing in the cases are shown; the token is in no address, no page and no cookie."""
    page = signed_in(office, browser)
    assert (page.status_code, page.url.path) == (200, "/pages/cases")
    shown = "".join([page.text, str(page.url), *map(str, page.history[0].headers.items()), *browser.cookies.values()])
    assert office.tokens["kim"] not in shown
    assert office.tokens["kim"].partition(".")[2] not in shown


def test_a_wrong_token_is_refused_without_a_reason(office: Office, browser: httpx.Client) -> None:
    """An unknown account and a wrong secret get the same page and no cookie."""
    pages = [browser.post("/pages/sign-in", data={"token": token}) for token in ("kim.wrong", "nobody.wrong", "")]
    assert [page.status_code for page in pages] == [401, 401, 401]
    assert len({page.text for page in pages}) == 1
    assert not browser.cookies


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(office: Office, browser: httpx.Client) -> None:
    """HttpOnly, SameSite=Strict, only for the pages; over TLS it would be Secure too."""
    cookie = signed_in(office, browser).history[0].headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/pages" in cookie


def test_every_page_has_the_strictest_policy(office: Office, browser: httpx.Client) -> None:
    """No script, nothing from elsewhere, no frame, no cache: on pages, redirects, refusals, style and map alike."""
    office.approved()
    answers = [browser.get("/pages/cases", follow_redirects=False), browser.get("/pages/style.css")]
    answers += [signed_in(office, browser), browser.get(FOUND), browser.get("/pages/cases/none")]
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script" not in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-frame-options"] == "DENY"
        assert not re.search(r"<script|\bstyle=|\bon\w+=|https?://", answer.text.partition("<body")[2])


def test_signing_out_ends_the_session_for_good(office: Office, browser: httpx.Client) -> None:
    """After signing out even the old cookie opens nothing."""
    key, old = form_key(signed_in(office, browser)), dict(browser.cookies)
    page = browser.post("/pages/sign-out", data={"form_key": key})
    assert page.url.path == "/pages/sign-in"
    assert not browser.cookies
    again = browser.get("/pages/cases", headers={"Cookie": f"cairn-session={old['cairn-session']}"})
    assert again.url.path == "/pages/sign-in"


@pytest.mark.parametrize("path", ["/pages/sign-out", f"{FOUND}/search"])
def test_a_form_without_its_key_is_refused(office: Office, browser: httpx.Client, path: str) -> None:
    """Without the key of this session, or with another one's, nothing is done."""
    office.approved()
    signed_in(office, browser)
    for fields in ({}, {"form_key": "guess"}, {"form_key": ""}):
        assert browser.post(path, data={"x": "y", **fields}).status_code == 403
    assert browser.get("/pages/cases").url.path == "/pages/cases"
    assert office.as_("kim").ask("GET", f"/cases/{CASE}/route-jobs") == []


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "null"}]
)
def test_a_form_of_another_site_is_refused(office: Office, browser: httpx.Client, headers: dict[str, str]) -> None:
    """Another site can neither sign somebody in nor send a form in their name."""
    refused = browser.post("/pages/sign-in", data={"token": office.tokens["kim"]}, headers=headers)
    assert refused.status_code == 403
    assert not browser.cookies


def test_what_is_no_form_is_refused(office: Office, browser: httpx.Client) -> None:
    """JSON, pictures and broken text are refused with a page that says what to do."""
    for body, kind in (
        (b"{}", "application/json"),
        (b"\x89PNG", "image/png"),
        (b"\xff=1", "application/x-www-form-urlencoded"),
    ):
        page = browser.post("/pages/sign-in", content=body, headers={"Content-Type": kind})
        assert page.status_code in (415, 422)
        assert not browser.cookies


def test_a_tracer_searches_and_reads_a_case_without_a_script(office: Office, browser: httpx.Client) -> None:
    """Sign in, open the case, press the button, follow the progress, read route, map, masks and contacts."""
    office.fill()
    office.approved()
    signed_in(office, browser)
    before = browser.get(FOUND)
    assert "Not searched yet" in text_of(before)
    progress = browser.post(f"{FOUND}/search", data={"form_key": form_key(before)})
    assert progress.status_code == 200
    wait_until(lambda: browser.get(progress.url).url.path == FOUND, "the search", 60)
    page = browser.get(FOUND)
    shown = text_of(page)
    for told in (
        "approved",
        BASIS,
        "face: given",
        "clothes and shape: refused",
        "noted by kim",
        "lee, ",
        "door",
        "99 %",
        "Contacts",
        "not seen",
    ):
        assert told in shown, told
    assert browser.get(f"{FOUND}/map.svg").headers["content-type"] == "image/svg+xml"


def test_a_gap_says_why_nobody_was_seen(office: Office, browser: httpx.Client) -> None:
    """One camera alone has none on the way to it; in both languages."""
    office.fill()
    office.searched(office.approved())
    signed_in(office, browser)
    assert "no camera on the way" in text_of(browser.get(FOUND))
    assert "지나는 길에 카메라가 없습니다" in text_of(browser.get(FOUND, params={"language": "ko"}))


def test_what_is_read_on_a_page_is_in_the_audit_log(office: Office, browser: httpx.Client) -> None:
    """The case, its route, the contacts by each preset and the map are noted as reads of the API are."""
    office.fill()
    office.searched(office.approved())
    signed_in(office, browser)
    before = len(office.audit())
    browser.get(FOUND)
    browser.get(f"{FOUND}/map.svg")
    noted = [(one.account, one.action, one.detail) for one in office.audit()[before:]]
    contacts = [("kim", "read contacts", name) for name in ("cdc-2020-10", "kdca-2022-01", "who-2021")]
    assert noted == [("kim", "read case", ""), ("kim", "read route", ""), *contacts, ("kim", "read route map", "")]


def test_an_approver_sees_what_there_is_to_sign_and_nothing_that_was_found(
    office: Office, browser: httpx.Client
) -> None:
    """The approver's page of a case has no route, no contacts and no search."""
    office.fill()
    office.searched(office.approved())
    signed_in(office, browser, "lee")
    shown = text_of(browser.get(FOUND))
    assert BASIS in shown
    assert "to nobody else" in shown
    assert "door" not in shown
    assert browser.get(f"{FOUND}/map.svg").status_code == 403


def test_other_tracers_do_not_learn_that_a_case_exists(office: Office, browser: httpx.Client) -> None:
    """Another tracer's case and one that does not exist give the same page, and the try is noted."""
    office.approved()
    signed_in(office, browser, "tam")
    foreign, missing = browser.get(FOUND), browser.get("/pages/cases/none")
    assert foreign.status_code == missing.status_code == 404
    assert foreign.text.replace(CASE, "none") == missing.text
    assert CASE not in browser.get("/pages/cases").text
    assert [one.action for one in office.audit()[-2:]] == ["refused", "refused"]


@pytest.mark.parametrize(("name", "home"), [("oda", "/pages/audit"), ("tec", "/pages/key"), ("adm", "/pages/accounts")])
def test_each_role_begins_at_its_own_work_and_sees_no_case(
    office: Office, browser: httpx.Client, name: str, home: str
) -> None:
    """Privacy officer, technician and administrator are led to their own pages, and refused those of a case."""
    office.approved()
    page = signed_in(office, browser, name)
    assert (page.status_code, page.url.path) == (200, home)
    assert "/pages/cases" not in page.text
    for path in ("", "/approve", "/end?how=close", "/timeline", "/consent.pdf", "/consent.svg", "/map.svg"):
        assert browser.get(FOUND + path).status_code == 403, path


def test_a_withdrawn_case_shows_no_route(office: Office, browser: httpx.Client) -> None:
    """After withdrawal the page says so; route and map are gone."""
    office.fill()
    kim = office.approved()
    office.searched(kim)
    kim.ask("POST", f"/cases/{CASE}/withdraw")
    signed_in(office, browser)
    shown = text_of(browser.get(FOUND))
    assert "withdrawn" in shown
    assert "door" not in shown
    assert browser.get(f"{FOUND}/map.svg").status_code == 409


def test_the_pages_speak_korean_and_remember_it(office: Office, browser: httpx.Client) -> None:
    """Asked for once, or preferred by the browser; the map follows."""
    office.fill()
    office.searched(office.approved())
    signed_in(office, browser)
    assert 'lang="ko"' in browser.get(FOUND, params={"language": "ko"}).text
    assert "접촉자" in browser.get(FOUND).text
    assert "범례" in browser.get(f"{FOUND}/map.svg").text
    assert "Contacts" in browser.get(FOUND, params={"language": "en"}).text
    with office.browser(headers={"Accept-Language": "ko-KR,ko;q=0.9"}) as other:
        assert "로그인" in other.get("/pages/sign-in").text


def test_every_word_is_there_in_both_languages() -> None:
    """Each word that a template asks for exists, each that exists is asked for, with the same blanks in both."""
    asked = set()
    for template in HERE.glob("*.html"):
        text = template.read_text()
        asked |= set(re.findall(r'\bw\("(\w+)"', text))
        for prefix in re.findall(r'\bw\("(\w+_)" ~', text):
            asked |= {name for name in WORDS if name.startswith(prefix)}
        for ending in re.findall(r'\bw\(\w+ ~ "(_\w+)"', text):
            asked |= {name for name in WORDS if name.endswith(ending)}
    for module in HERE.parent.glob("*.py"):
        for prefix in re.findall(r'\bword\(f"(\w+_){', module.read_text()):
            asked |= {name for name in WORDS if name.startswith(prefix)}
    assert set(WORDS) - asked == set()
    assert {name for name in asked if not name.endswith("_")} <= set(WORDS)
    for english, korean in WORDS.values():
        assert set(re.findall(r"{\w+}", english)) == set(re.findall(r"{\w+}", korean))


def test_told_words_with_markup_stay_text(office: Office, browser: httpx.Client) -> None:
    """What people typed is shown as they typed it."""
    office.approved()
    signed_in(office, browser)
    page = tell(office, browser, place="<b onload=x>bakery</b> & 'more'")
    assert "<b onload" not in page.text
    assert "<b onload=x>bakery</b> & 'more'" in unescape(page.text)


def test_sessions_end_unused_and_after_a_working_day(office: Office) -> None:
    """Half an hour without a page, or eight hours with, and nobody is signed in."""
    sessions = Sessions()
    with Session(office.engine) as session:
        account = session.get_one(Account, "kim")
        unused, used = sessions.begin(account, NOW), sessions.begin(account, NOW)
        at = NOW
        while at - NOW < LONGEST - IDLE:
            at += IDLE - timedelta(minutes=1)
            assert sessions.find(used, session, at)[1].name == "kim"
        for cookie, now in ((unused, NOW + IDLE), (used, NOW + LONGEST), ("guess", NOW)):
            with pytest.raises(NotSignedIn):
                sessions.find(cookie, session, now)


def test_a_new_token_and_a_closed_account_end_sessions(office: Office) -> None:
    """Sessions last no longer than the token that opened them."""
    sessions = Sessions()
    with writing(office.engine) as session:
        cookie = sessions.begin(session.get_one(Account, "kim"), NOW)
        add_account(session, "kim", {Role.TRACER}, office.keys["kim"].public_key().public_bytes_raw())
        session.commit()
        with pytest.raises(NotSignedIn, match="no longer valid"):
            sessions.find(cookie, session, NOW)
        account = session.get_one(Account, "kim")
        cookie, account.active = sessions.begin(account, NOW), False
        with pytest.raises(NotSignedIn, match="no longer valid"):
            sessions.find(cookie, session, NOW)


def test_an_account_has_few_sessions_at_once(office: Office) -> None:
    """The oldest ends when there are too many."""
    sessions = Sessions()
    with Session(office.engine) as session:
        account = session.get_one(Account, "kim")
        cookies = [sessions.begin(account, NOW + timedelta(seconds=k)) for k in range(MOST_OF_ONE + 1)]
        with pytest.raises(NotSignedIn):
            sessions.find(cookies[0], session, NOW)
        assert sessions.find(cookies[1], session, NOW)
