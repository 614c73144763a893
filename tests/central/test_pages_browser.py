"""The tracer's pages in a real browser, with its real rules about cookies, forms, origins and policies."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.central.authority_fixtures import CASE
from tests.central.centre_fixtures import Office
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


@pytest.fixture
def chromium() -> Iterator[webdriver.Chrome]:
    """Debian's Chromium with scripts switched off, as a careful tracer might have it."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not browser or not driver:
        missing = "no chromium here; get it with: sudo apt-get install chromium chromium-driver"
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=1280,1600", "--lang=en", *QUIET):
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"profile.managed_default_content_settings.javascript": 2})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    started = webdriver.Chrome(options=options, service=Service(driver))
    try:
        yield started
    finally:
        started.quit()


def one(chromium: webdriver.Chrome, css: str) -> WebElement:
    return chromium.find_element(By.CSS_SELECTOR, css)


def sign_in(chromium: webdriver.Chrome, office: Office) -> None:
    chromium.get(office.url)
    one(chromium, "#token").send_keys(office.tokens["kim"])
    one(chromium, "main button").click()
    wait_until(lambda: chromium.current_url.endswith("/pages/cases"), "the list of cases")


def test_a_tracer_finds_a_route_in_a_real_browser(office: Office, chromium: webdriver.Chrome) -> None:
    """Sign in, open the case, search, watch the progress page lead back, see map and tables, change language, sign out;
    the browser's console has nothing to complain of."""
    office.fill()
    office.approved()
    sign_in(chromium, office)
    one(chromium, "tbody a").click()
    one(chromium, f"form[action$='{CASE}/search'] button").click()
    wait_until(lambda: chromium.find_elements(By.CSS_SELECTOR, "img.map"), "the route", 60)
    picture = one(chromium, "img.map")
    wait_until(lambda: picture.get_property("naturalWidth"), "the map's picture")
    assert "door" in one(chromium, "[aria-labelledby=visits]").text
    assert one(chromium, "[aria-labelledby=contacts] h2").text == "Contacts"
    one(chromium, ".languages a[lang=ko]").click()
    assert one(chromium, "[aria-labelledby=contacts] h2").text == "접촉자"
    one(chromium, ".who button").click()
    wait_until(lambda: chromium.current_url.endswith("/pages/sign-in"), "the sign-in page")
    complaints = [entry["message"] for entry in chromium.get_log("browser") if "favicon" not in entry["message"]]  # type: ignore[no-untyped-call]
    assert complaints == []


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
