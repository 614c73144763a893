"""The pages of privacy officer and administrator: evidence and accounts, and nothing of what was found."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import update
from sqlmodel import Session, col, select

from central.accounts.service import Role, add_account, set_active
from central.audit.endpoints import Verdict
from central.audit.evidence import check_proof
from central.audit.history import CheckpointFile
from central.audit.publisher import Publisher
from central.audit.service import LOG, PUBLISHED
from central.audit.tables import AuditEntry
from central.database import writing
from central.web.officer import ENTRIES_A_PAGE
from central.web.people_pages import ACCOUNTS_A_PAGE
from central.web.recount import Counted, Recount
from tests.central.authority_fixtures import CASE, NOW
from tests.central.centre_fixtures import Office
from tests.central.test_pages import form_key, signed_in, text_of
from tests.waiting import wait_until

PAGES = ("/audit", "/log", "/canaries", "/retention", "/transparency", "/withdrawal")


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


@pytest.fixture
def oda(office: Office) -> Iterator[httpx.Client]:
    """The privacy officer, signed in."""
    with office.browser() as client:
        signed_in(office, client, "oda")
        yield client


def fill_log(office: Office, count: int) -> None:
    with writing(office.engine) as session:
        for number in range(count):
            LOG.append(session, NOW, "kim", "read route", f"case-{number % 7}", f"number {number}")
        session.commit()


@pytest.mark.parametrize("path", PAGES)
def test_the_officers_pages_open_for_nobody_else(office: Office, path: str) -> None:
    """A tracer, an approver, a technician and an administrator are refused; a stranger is led to the sign-in."""
    with office.browser() as stranger:
        assert stranger.get(f"/pages{path}").url.path == "/pages/sign-in"
    for name in ("kim", "lee", "tec", "adm"):
        with office.browser() as client:
            signed_in(office, client, name)
            assert client.get(f"/pages{path}").status_code == 403, name


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize("path", PAGES)
def test_the_officers_pages_show_nothing_that_was_found(
    office: Office, oda: httpx.Client, path: str, language: str
) -> None:
    """In both languages, after a search: no place and no contact is on any of them."""
    office.fill()
    office.searched(office.approved())
    page = oda.get(f"/pages{path}", params={"language": language})
    assert page.status_code == 200
    assert "door" not in page.text


def test_the_log_is_shown_page_by_page_and_by_case(office: Office, oda: httpx.Client) -> None:
    """The newest first, a hundred a page, without a gap; one case alone when asked for."""
    fill_log(office, 2 * ENTRIES_A_PAGE)
    seen: list[int] = []
    page = oda.get("/pages/audit")
    while True:
        seen += [int(number) for number in re.findall(r'<td class="number">(\d+)</td>', page.text)]
        older = re.search(r'href="(\?case=&amp;before=\d+)"', page.text)
        if not older:
            break
        page = oda.get("/pages/audit" + older[1].replace("&amp;", "&"))
    assert seen == list(range(len(office.audit()), 0, -1))
    of_one = text_of(oda.get("/pages/audit", params={"case": "case-3"}))
    assert "case-3" in of_one
    assert "case-4" not in of_one


def recounted(oda: httpx.Client) -> httpx.Response:
    """The page after a recount, which reloads itself until then."""
    page = oda.post("/pages/log", data={"form_key": form_key(oda.get("/pages/log"))})
    wait_until(lambda: "Counting." not in oda.get("/pages/log").text, "the recount")
    assert page.status_code == 200
    return oda.get("/pages/log")


def test_a_recount_that_fails_says_so() -> None:
    """It is not running for ever, and does not pass for a whole log."""
    recount = Recount()
    recount.start(partial(Verdict.model_validate, {}), NOW)
    wait_until(lambda: not recount.state()[0], "the recount")
    assert recount.state() == (False, Counted(NOW, None))


def published(office: Office) -> Publisher:
    """The log signed for, and its checkpoint in a file elsewhere."""
    elsewhere = CheckpointFile(office.folder / "elsewhere.jsonl")
    signer = ("centre.example/log", Ed25519PrivateKey.generate())
    publisher = Publisher(office.engine, office.world.clock, PUBLISHED, signer, {}, elsewhere)
    office.app.state.centre = replace(office.centre, publisher=publisher)
    publisher.round()
    return publisher


def test_a_proof_is_handed_out_as_a_file(office: Office, oda: httpx.Client) -> None:
    """Whoever has it and the log's public key checks it without us; an entry that does not exist is refused."""
    fill_log(office, 5)
    publisher = published(office)
    answer = oda.get("/pages/audit/proof/3")
    assert "attachment" in answer.headers["content-disposition"]
    assert check_proof(json.loads(answer.text), publisher.log_key())["entry"] == 3
    assert oda.get("/pages/audit/proof/99999").status_code == 404
    assert oda.get("/pages/audit/proof/0").status_code in (404, 422)


def test_who_else_has_the_log_is_on_the_page(office: Office, oda: httpx.Client) -> None:
    """Once it is published, the page names where, how far and that it agrees, and shows the signed checkpoint."""
    fill_log(office, 5)
    published(office)
    page = oda.get("/pages/log")
    assert "agrees" in text_of(page)
    assert "centre.example/log" in page.text


def test_an_edited_entry_is_named_on_the_page(office: Office, oda: httpx.Client) -> None:
    """Whole, the page says so; after an edit it names the entry, and what to do."""
    fill_log(office, 5)
    assert "Nobody edited the log" in text_of(recounted(oda))
    with Session(office.engine) as session:
        session.connection().exec_driver_sql("DROP TRIGGER IF EXISTS auditentry_keeps")
        number = session.exec(select(AuditEntry.id).where(AuditEntry.detail == "number 2")).one()
        session.execute(update(AuditEntry).where(col(AuditEntry.id) == number).values(account="nobody"))
        session.commit()
    assert f"Entry {number} is not as it was" in text_of(recounted(oda))


def test_without_a_witness_the_page_says_that_nobody_else_has_the_log(office: Office, oda: httpx.Client) -> None:
    """What an operator could rewrite is not praised as safe."""
    assert "Nobody outside holds this log" in text_of(oda.get("/pages/log"))


def test_canaries_are_tried_from_the_page(office: Office, oda: httpx.Client) -> None:
    """The button tries every one, and the trial is in the log under the officer's name."""
    page = oda.get("/pages/canaries")
    assert oda.post("/pages/canaries", data={"form_key": form_key(page)}).status_code == 200
    assert "oda" in {one.account for one in office.audit() if "canar" in one.action}


def test_the_officer_withdraws_on_a_patients_word(office: Office, oda: httpx.Client) -> None:
    """By the number on the patient's copy, asked once more; the tracer sees by whom it was taken down."""
    kim = office.approved()
    asked = oda.get("/pages/withdrawal", params={"case": CASE})
    assert "cannot be undone" in text_of(asked)
    assert kim.show(CASE)["state"] == "approved"
    done = oda.post("/pages/withdrawal", data={"form_key": form_key(asked), "case": CASE})
    assert f"The consent of case {CASE} is withdrawn" in text_of(done)
    shown = kim.show(CASE)
    assert (shown["state"], shown["ended_by"]) == ("withdrawn", "privacy-officer")
    missing = oda.post("/pages/withdrawal", data={"form_key": form_key(asked), "case": "none"})
    assert missing.status_code == 404


def test_the_transparency_report_is_one_page_for_whole_weeks(office: Office, oda: httpx.Client) -> None:
    """The filled-in weeks give a report; a period that is too short is refused in words."""
    form = oda.get("/pages/transparency").text
    days = dict(re.findall(r'name="(from|until)" type="date" required value="([\d-]+)"', form))
    report = oda.get("/pages/transparency/report", params=days | {"language": "ko"})
    assert report.status_code == 200
    assert "투명성" in report.text
    short = oda.get("/pages/transparency/report", params=days | {"until": days["from"]})
    assert short.status_code == 422


def test_the_administrator_sees_people_and_terms_page_by_page(office: Office) -> None:
    """A hundred a page, with what each signs with and whether they are in; no token, no case."""
    with writing(office.engine) as session:
        for number in range(ACCOUNTS_A_PAGE):
            add_account(session, f"zz-{number:03}", {Role.TRACER}, b"")
        set_active(session, "tec", active=False)
        session.commit()
    office.approved()
    with office.browser() as adm:
        first = signed_in(office, adm, "adm")
        assert first.url.path == "/pages/accounts"
        assert "deactivated" in text_of(first)
        assert CASE not in first.text
        second = adm.get("/pages/accounts", params={"skip": ACCOUNTS_A_PAGE})
        names = re.findall(r'<th scope="row">([\w-]+)</th>', first.text + second.text)
        assert names == sorted(set(names))
        assert {"adm", "kim", "zz-099"} <= set(names)
