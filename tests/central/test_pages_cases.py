"""Ending, sharing and telling a case on the pages: by forms, with the API's own limits and audit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from pathlib import Path

import httpx
import pytest

from central.cases.schemas import CaseOut
from tests.central.authority_fixtures import CASE
from tests.central.centre_fixtures import Office
from tests.central.test_pages import FOUND, form_key, signed_in, tell, text_of


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


@pytest.fixture
def browser(office: Office) -> Iterator[httpx.Client]:
    with office.browser() as client:
        yield client


def send(browser: httpx.Client, path: str, page: str = FOUND, **fields: str) -> httpx.Response:
    """A form of `page`, as the browser sends it."""
    return browser.post(path, data={"form_key": form_key(browser.get(page)), **fields})


def state_of(office: Office, case: str = CASE) -> CaseOut:
    return CaseOut(**office.as_("kim").show(case))


def test_a_consent_is_shown_scope_by_scope(office: Office, browser: httpx.Client) -> None:
    """Given and refused, on which law, noted by whom and until when; in Korean too."""
    office.opened()
    signed_in(office, browser)
    shown = text_of(browser.get(FOUND))
    for told in ("face: given", "clothes and shape: refused", "noted by kim", "Article 76-2", "Times in Asia/Seoul"):
        assert told in shown, told
    korean = text_of(browser.get(FOUND, params={"language": "ko"}))
    assert "얼굴: 동의" in korean
    assert "제76조의2" in korean


def test_the_patients_papers_are_on_the_page(office: Office, browser: httpx.Client) -> None:
    """The copy as PDF, the receipt as QR code and the report, each noted as read."""
    office.opened()
    signed_in(office, browser)
    before = len(office.audit())
    assert browser.get(f"{FOUND}/consent.pdf").content.startswith(b"%PDF")
    assert browser.get(f"{FOUND}/consent.svg").headers["content-type"] == "image/svg+xml"
    assert CASE in browser.get(f"{FOUND}/report").text
    noted = [one.action for one in office.audit()[before:]]
    assert noted == ["read consent paper", "read consent", "read subject report"]


def test_a_withdrawal_is_asked_once_more_and_then_done(office: Office, browser: httpx.Client) -> None:
    """The page says what it means; looking at it changes nothing; the form ends the case for good."""
    office.approved()
    signed_in(office, browser)
    asked = browser.get(f"{FOUND}/end?how=withdraw")
    assert "cannot be undone" in text_of(asked)
    assert state_of(office).state == "approved"
    page = send(browser, f"{FOUND}/withdraw", f"{FOUND}/end?how=withdraw", scope="all")
    assert "Consent withdrawn on" in text_of(page)
    assert state_of(office).state == "withdrawn"


def test_one_scope_of_two_can_be_taken_back(office: Office, browser: httpx.Client) -> None:
    """With two scopes given, the page offers each alone; what was taken back is shown as such."""
    kim = office.as_("kim")
    kim.open(office.scope(consents=("face", "appearance")), office.keys["kim"])
    kim.consent(office.receipt(scopes=("face", "appearance"), refused=()), office.keys["kim"])
    signed_in(office, browser)
    asked = text_of(browser.get(f"{FOUND}/end?how=withdraw"))
    assert "only the search by clothes and shape" in asked
    page = send(browser, f"{FOUND}/withdraw", f"{FOUND}/end?how=withdraw", scope="appearance")
    assert "clothes and shape: taken back" in text_of(page)
    assert "face: given" in text_of(page)
    assert state_of(office).state == "narrowed"


@pytest.mark.parametrize("scope", ["iris", "", "all; drop"])
def test_a_scope_that_does_not_exist_withdraws_nothing(office: Office, browser: httpx.Client, scope: str) -> None:
    """An absurd form is refused, and the case goes on."""
    office.approved()
    signed_in(office, browser)
    answer = send(browser, f"{FOUND}/withdraw", f"{FOUND}/end?how=withdraw", scope=scope)
    assert answer.status_code == 422
    assert state_of(office).state == "approved"


def test_a_case_is_closed_after_a_question(office: Office, browser: httpx.Client) -> None:
    """Closed, it shows no button to search; a withdrawal is still possible."""
    office.approved()
    signed_in(office, browser)
    page = send(browser, f"{FOUND}/close", f"{FOUND}/end?how=close")
    assert state_of(office).state == "closed"
    assert f"{FOUND}/search" not in page.text
    assert "end?how=withdraw" in page.text


def test_a_case_is_shared_and_taken_back(office: Office, browser: httpx.Client) -> None:
    """Until a local time that the form states; the other tracer sees it, and after taking back does not."""
    office.approved()
    signed_in(office, browser)
    until = (office.world.clock.now() + timedelta(days=2)).astimezone(office.centre.zone)
    page = send(browser, f"{FOUND}/share", who="tam", until=until.strftime("%Y-%m-%dT%H:%M"))
    assert page.status_code == 200
    assert until.strftime("%Y-%m-%d %H:%M") in text_of(page)
    shared = state_of(office).shared_with[0]
    assert (shared.account, shared.until) == ("tam", until)
    with office.browser() as other:
        signed_in(office, other, "tam")
        theirs = other.get(FOUND)
        assert theirs.status_code == 200
        assert "/share" not in theirs.text
        assert send(browser, f"{FOUND}/unshare", who="tam").status_code == 200
        assert other.get(FOUND).status_code == 404


@pytest.mark.parametrize("fields", [{"who": "tam"}, {"who": "", "until": "2026-11-25T10:00"}, {"who": "nobody"}])
def test_half_a_share_is_refused(office: Office, browser: httpx.Client, fields: dict[str, str]) -> None:
    """Without a person or a time nothing is shared, and the page says what is missing."""
    office.approved()
    signed_in(office, browser)
    assert send(browser, f"{FOUND}/share", **fields).status_code in (404, 422)
    assert state_of(office).shared_with == []


def test_a_visit_is_told_changed_and_removed(office: Office, browser: httpx.Client) -> None:
    """In local time, as the patient says it; a change is marked, and what was removed is gone."""
    office.approved()
    signed_in(office, browser)
    page = tell(office, browser)
    assert "2026-11-24 16:30" in text_of(page)
    visit = re.search(r"change=(\w+)", page.text)
    assert visit
    filled = browser.get(f"{FOUND}/timeline", params={"change": visit[1]})
    assert 'value="bakery"' in filled.text
    changed = tell(office, browser, place="pharmacy", visit=visit[1])
    assert "pharmacy" in changed.text
    assert "bakery" not in changed.text
    assert "changed 2026-11-24" in text_of(changed)
    gone = send(browser, f"{FOUND}/timeline/remove", f"{FOUND}/timeline", visit=visit[1])
    assert "Nothing has been told yet" in text_of(gone)
    noted = [one.action for one in office.audit() if one.action.startswith("testimony")]
    assert noted == ["testimony added", "testimony changed", "testimony removed"]


@pytest.mark.parametrize(
    "fields",
    [{"place": ""}, {"start": "yesterday"}, {"end": "2030-01-01T10:00"}, {"note": "call 010-1234-5678"},
     {"place": "x" * 201}, {"visit": "no such visit"}],
    ids=str,
)  # fmt: skip
def test_what_is_no_visit_is_refused_in_words(office: Office, browser: httpx.Client, fields: dict[str, str]) -> None:
    """No place, no time, a time to come, a telephone number or a novel: a page says what to do, nothing is kept."""
    office.approved()
    signed_in(office, browser)
    refused = tell(office, browser, **fields)
    assert refused.status_code in (404, 422)
    assert "What to do" in text_of(refused)
    assert office.as_("kim").ask("GET", f"/cases/{CASE}/testimony") == []


def test_a_manual_case_has_a_timeline_and_no_search(office: Office, browser: httpx.Client) -> None:
    """Whoever refused every camera gets a case kept by hand; nothing on its page searches."""
    kim = office.as_("kim")
    kim.open(office.scope(cells=(), consents=()), office.keys["kim"])
    kim.consent(office.receipt(scopes=(), refused=("face", "appearance")), office.keys["kim"])
    signed_in(office, browser)
    page = browser.get(FOUND)
    assert "refused every camera search" in text_of(page)
    assert f"{FOUND}/search" not in page.text
    assert "bakery" in tell(office, browser).text


def test_refusals_speak_korean_with_the_original_below(office: Office, browser: httpx.Client) -> None:
    """A common refusal is in Korean on a Korean page, and the English words stand below for whoever helps."""
    signed_in(office, browser)
    page = browser.get("/pages/cases/none", params={"language": "ko"})
    assert page.status_code == 404
    assert "볼 권한이 없습니다" in page.text
    assert "There is no such case" in unescape(page.text)


def test_every_common_refusal_has_korean_words() -> None:
    """What the catalogue names exists, and has a sentence and a next step."""
    import central.errors
    import central.web.visitors
    import shared.errors
    from central.web.words import korean_refusal
    from central.web.words.refusals import REFUSALS

    kinds = {name for module in (central.errors, shared.errors, central.web.visitors) for name in vars(module)}
    assert set(REFUSALS) <= kinds
    assert all(len(words) == 2 and all(words) for words in REFUSALS.values())
    assert korean_refusal(["NoSuchError", "CairnError"]) is None
    assert korean_refusal(["BasisRefused", "ReleaseRefused"]) == REFUSALS["ReleaseRefused"]
