"""The tracer's pages in a real browser, with its real rules about cookies, forms, origins and policies."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.virtual_authenticator import VirtualAuthenticatorOptions
from selenium.webdriver.remote.webelement import WebElement
from sqlmodel import Session

from central.accounts.service import ENROL_LIFE, allow_enrolment, put_key
from central.accounts.tables import Account
from central.database import writing
from central.signers import fingerprint
from tests.central.authority_fixtures import CASE
from tests.central.centre_fixtures import Office
from tests.central.passkey_fixtures import SoftPasskey
from tests.waiting import wait_until

# Chromium calls home at its start; a test speaks to nobody but the server that it tests.
QUIET = (
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


@contextlib.contextmanager
def browser(*, scripts: bool) -> Iterator[webdriver.Chrome]:
    """Debian's Chromium; skipped without one, but not in CI."""
    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not program or not driver:
        missing = "no chromium here; get it with: sudo apt-get install chromium chromium-driver"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    options = webdriver.ChromeOptions()
    options.binary_location = program
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1600", "--lang=en", *QUIET):
        options.add_argument(argument)
    if not scripts:
        options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield started
    finally:
        started.quit()


@pytest.fixture
def chromium() -> Iterator[webdriver.Chrome]:
    """With scripts switched off, as a careful tracer might have it."""
    with browser(scripts=False) as started:
        yield started


@pytest.fixture
def approvers() -> Iterator[webdriver.Chrome]:
    """With scripts, and a security key built in that knows its person's finger."""
    with browser(scripts=True) as started:
        about = VirtualAuthenticatorOptions(
            transport=VirtualAuthenticatorOptions.Transport.INTERNAL,
            has_resident_key=True,
            has_user_verification=True,
            is_user_verified=True,
        )
        started.add_virtual_authenticator(about)
        yield started


def one(chromium: webdriver.Chrome, css: str) -> WebElement:
    return chromium.find_element(By.CSS_SELECTOR, css)


def sign_in(chromium: webdriver.Chrome, office: Office, name: str = "kim", url: str = "") -> None:
    chromium.get(url or office.url)
    one(chromium, "#token").send_keys(office.tokens[name])
    one(chromium, "main button").click()
    wait_until(lambda: chromium.current_url.endswith("/pages/cases"), "the list of cases")


def complaints(chromium: webdriver.Chrome) -> list[str]:
    logged = chromium.get_log("browser")  # type: ignore[no-untyped-call]
    return [entry["message"] for entry in logged if "favicon" not in entry["message"]]


def test_a_tracer_finds_a_route_in_a_real_browser(office: Office, chromium: webdriver.Chrome) -> None:
    """Sign in, open the case, search, watch the progress page lead back, see map and tables, confirm a sighting, change
    language, sign out; the browser's console has nothing to complain of."""
    office.fill()
    office.approved()
    sign_in(chromium, office)
    one(chromium, "tbody a").click()
    one(chromium, f"form[action$='{CASE}/search'] button").click()
    wait_until(lambda: chromium.find_elements(By.CSS_SELECTOR, "img.map"), "the route", 60)
    picture = one(chromium, "img.map")
    wait_until(lambda: picture.get_property("naturalWidth"), "the map's picture")
    assert "door" in one(chromium, "[aria-labelledby=visits]").text
    one(chromium, "[aria-labelledby=visits] button[value=confirmed]").click()
    wait_until(lambda: chromium.find_elements(By.CSS_SELECTOR, ".pill.word-confirmed"), "the answer")
    assert "Search again to have them counted" in one(chromium, "[aria-labelledby=search]").text
    assert one(chromium, "[aria-labelledby=contacts] h2").text == "Contacts"
    one(chromium, ".languages a[lang=ko]").click()
    assert one(chromium, "[aria-labelledby=contacts] h2").text == "접촉자"
    one(chromium, ".who button").click()
    wait_until(lambda: chromium.current_url.endswith("/pages/sign-in"), "the sign-in page")
    assert complaints(chromium) == []


def test_a_foreign_page_cannot_act_in_a_tracers_name(
    office: Office, chromium: webdriver.Chrome, tmp_path: Path
) -> None:
    """A form on another origin that posts to the search is refused, and no search begins."""
    office.approved()
    sign_in(chromium, office)
    foreign = tmp_path / "foreign.html"
    action = f"{office.url}/pages/cases/{CASE}/search"
    foreign.write_text(f'<form method="post" action="{action}"><button>win a prize</button></form>')
    chromium.get(foreign.as_uri())
    one(chromium, "button").click()
    wait_until(lambda: chromium.current_url.startswith(office.url), "the answer")
    assert "form" in one(chromium, "h1").text.lower() or chromium.current_url.endswith("/pages/sign-in")
    assert office.as_("kim").ask("GET", f"/cases/{CASE}/route-jobs") == []


def test_the_pages_fit_a_narrow_screen(office: Office, chromium: webdriver.Chrome) -> None:
    """On a telephone nothing but wide tables, which scroll by themselves, is wider than the screen."""
    office.fill()
    office.searched(office.approved())
    sign_in(chromium, office)
    chromium.set_window_size(500, 900)
    chromium.get(f"{office.url}/pages/cases/{CASE}")
    width = chromium.execute_script("return document.documentElement.clientWidth")
    page = chromium.execute_script("return document.documentElement.scrollWidth")
    assert page <= width


def may_enrol(office: Office, name: str) -> None:
    with writing(office.engine) as session:
        allow_enrolment(session, name, office.world.clock.now() + ENROL_LIFE)
        session.commit()


def enrol(chromium: webdriver.Chrome, office: Office) -> str:
    """Make lee's passkey in this browser; returns the pages' address under which it is good."""
    may_enrol(office, "lee")
    origin = office.url.replace("127.0.0.1", "localhost")
    sign_in(chromium, office, "lee", origin)
    chromium.get(f"{origin}/pages/key")
    one(chromium, "form.passkey button").click()
    wait_until(lambda: not chromium.find_elements(By.CSS_SELECTOR, "form.passkey"), "the new passkey")
    return origin


def test_a_case_is_approved_by_passkey_in_a_real_browser(office: Office, approvers: webdriver.Chrome) -> None:
    """Enrol on the page, bring the exported file to both offices, sign what is shown, and the search runs: the real
    browser's script, policy and authenticator, the real authorities' check."""
    origin = enrol(approvers, office)
    with Session(office.engine) as session:
        exported = session.get_one(Account, "lee").signing_public
    assert fingerprint(exported) in one(approvers, "[aria-labelledby=key]").text
    for authority in office.world.authorities:
        authority.registry.put_person("lee", frozenset({"approver"}), exported)
    office.fill()
    kim = office.opened()
    approvers.get(f"{origin}/pages/cases/{CASE}")
    one(approvers, f"a[href$='{CASE}/approve']").click()
    assert not one(approvers, ".scriptless").is_displayed()
    one(approvers, "form.passkey button").click()
    wait_until(lambda: approvers.current_url.endswith(f"/pages/cases/{CASE}"), "the approval")
    assert kim.show(CASE)["state"] == "approved"
    assert office.searched(kim)["state"] == "done"
    assert complaints(approvers) == []


def test_a_finger_that_is_not_known_signs_nothing(office: Office, approvers: webdriver.Chrome) -> None:
    """Without its person verified the passkey does not answer, and the page says in words what to do."""
    origin = enrol(approvers, office)
    kim = office.opened()
    approvers.set_user_verified(False)
    approvers.get(f"{origin}/pages/cases/{CASE}/approve")
    one(approvers, "form.passkey button").click()
    said = one(approvers, "form.passkey [role=status]")
    wait_until(lambda: "Nothing was signed" in said.text, "the explanation", 90)
    assert one(approvers, "form.passkey button").is_enabled()
    assert kim.show(CASE)["state"] == "open"


def test_without_scripts_the_approval_page_says_how_else(office: Office, chromium: webdriver.Chrome) -> None:
    """Everything that would be signed is readable, the button is not there, and the command to type is."""
    public = SoftPasskey(origin=office.url.replace("127.0.0.1", "localhost")).public.to_bytes()
    with writing(office.engine) as session:
        put_key(session, "lee", public, 0)
        session.commit()
    office.opened()
    origin = office.url.replace("127.0.0.1", "localhost")
    sign_in(chromium, office, "lee", origin)
    chromium.get(f"{origin}/pages/cases/{CASE}/approve")
    assert "switched off" in one(chromium, ".scriptless").text
    assert not one(chromium, "form.passkey button").is_displayed()
    assert f"cairn-central case approve {CASE}" in one(chromium, "code.command").text


def test_a_case_is_told_shared_and_ended_without_a_script(office: Office, chromium: webdriver.Chrome) -> None:
    """Forms for the told timeline, for sharing and for the withdrawal work as they stand."""
    office.approved()
    sign_in(chromium, office)
    chromium.get(f"{office.url}/pages/cases/{CASE}/timeline")
    one(chromium, "#place").send_keys("bakery")
    start = office.world.clock.now().astimezone(office.centre.zone)
    for name, minutes in (("start", -120), ("end", -100)):
        at = (start + timedelta(minutes=minutes)).strftime("%m%d%Y\t%I%M%p")
        one(chromium, f"#{name}").send_keys(at)
    one(chromium, "form.fields button").click()
    wait_until(lambda: chromium.find_elements(By.XPATH, "//th[contains(text(), 'bakery')]"), "the visit")
    chromium.get(f"{office.url}/pages/cases/{CASE}")
    one(chromium, "a[href$='end?how=withdraw']").click()
    one(chromium, "button.danger").click()
    wait_until(lambda: chromium.find_elements(By.CSS_SELECTOR, ".pill.withdrawn"), "the withdrawal")
    assert complaints(chromium) == []
