"""What is told of what was done: to the public with small counts hidden, to a patient everything about their case."""

from __future__ import annotations

import base64
import html
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlmodel import Session

from central.audit.service import LOG, record
from central.authority.statements import check_destruction, statement_from_map, statement_to_map
from central.canaries import service as canaries
from central.cases.client import ApiRefused
from central.database import open_database, writing
from central.reports.paper import time_span
from central.reports.subject import subject_report
from central.reports.subject_words import PHRASES as SUBJECT
from central.reports.subject_words import subject_page
from central.reports.transparency import Period, transparency
from central.reports.transparency_counts import FEW, SMALL, with_total
from central.reports.transparency_words import PHRASES as PUBLIC
from shared.errors import BadInput
from shared.keys import signing_public
from tests.central.authority_fixtures import CASE
from tests.central.centre_fixtures import ROLES, Office
from tests.postgres import database_in

MONTH = {"from": "2026-11-01", "until": "2026-12-01"}
AFTER = timedelta(days=8)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


def noted(office: Office, *entries: tuple[str, str, str, str], times: int = 1) -> None:
    """Enter (account, action, case, detail) into the audit log."""
    with writing(office.engine) as session:
        for entry in entries * times:
            LOG.append(session, office.world.clock.now(), *entry)
        session.commit()


def public(office: Office, **period: str) -> dict[str, Any]:
    office.world.clock.advance(AFTER)
    try:
        found: dict[str, Any] = office.as_("oda").ask("GET", "/reports/transparency", params=MONTH | period)
        return found
    finally:
        office.world.clock.advance(-AFTER)


def test_no_total_gives_a_small_count_away() -> None:
    """Whoever knows the rules and all that is shown still has 1, 2, 3 and 4 to choose from, whatever was counted."""
    told: dict[str, set[tuple[int, ...]]] = {}
    for counts in itertools.product(range(12), repeat=3):
        told.setdefault(repr(with_total(dict(zip("abc", counts, strict=True)))), set()).add(counts)
    for counts in itertools.chain.from_iterable(told.values()):
        alike = told[repr(with_total(dict(zip("abc", counts, strict=True))))]
        for at, count in enumerate(counts):
            if 0 < count < SMALL:
                assert {other[at] for other in alike} == set(range(1, SMALL))


@given(st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 40), max_size=6))
def test_nothing_is_hidden_without_need(counts: dict[str, int]) -> None:
    """A count that is not small is shown as it is, nought included; so is the total where none is small."""
    published = with_total(counts)
    small = {name for name, count in counts.items() if 0 < count < SMALL}
    assert {name for name, value in published.counts.items() if value == FEW} == small
    assert all(published.counts[name] == count for name, count in counts.items() if name not in small)
    assert isinstance(published.total, str if small else int)


def test_a_total_beside_a_small_count_is_a_bound() -> None:
    """What is certain anyway: the counts that are shown, and one for each that is not."""
    assert with_total({"NotFound": 2, "NotAllowed": 30, "CaseEnded": 9}).total == "≥ 40"
    assert with_total({"NotFound": 6, "NotAllowed": 30}).total == 36
    assert with_total({"NotFound": 1}).total == "≥ 1"
    assert with_total({}).total == 0


@pytest.mark.parametrize(("first", "end"), [("2026-11-01", "2026-11-07"), ("2026-11-01", "2027-11-03")])
def test_a_period_of_days_or_of_years_is_refused(first: str, end: str) -> None:
    """Reports that differ by a day would tell the day's small counts, so a period is a week at least."""
    with pytest.raises(BadInput, match="7 to 366 days"):
        Period(date.fromisoformat(first), date.fromisoformat(end))


def test_a_period_that_is_not_over_is_refused(office: Office) -> None:
    """What may still grow is not reported: two reports of one period would differ."""
    with pytest.raises(ApiRefused, match="not over yet"):
        office.as_("oda").ask("GET", "/reports/transparency", params=MONTH)


@pytest.mark.parametrize(
    "asked",
    [{}, {"from": "2026-11-01"}, {"from": "soon", "until": "later"}, {"from": "2026-12-01", "until": "2026-11-01"}],
)
def test_a_malformed_period_is_refused(office: Office, asked: dict[str, str]) -> None:
    """Missing, unreadable and reversed days are 422, by name, and leave nothing in the log."""
    with pytest.raises(ApiRefused) as refused:
        office.as_("oda").ask("GET", "/reports/transparency", params=asked)
    assert refused.value.status == 422
    assert all(entry.action != "transparency report" for entry in office.audit())


def test_the_public_report_counts_what_was_done(office: Office) -> None:
    """Searches, releases, cell-hours, reads, refusals, revocations and destroyed days come from the log, by kind."""
    noted(
        office,
        ("kim", "search", "c", "job 1"),
        ("kim", "released", "c", "by authority-a, authority-b; 26 cell-hours, 3 batches searched"),
        ("kim", "read route", "c", ""),
        ("kim", "refused", "c", "GET NotFound: there is no such case"),
        ("kim", "refused", "c", "ReleaseRefused: the consent is not live"),
        times=6,
    )
    noted(office, ("tec", "revoked node", "", "node-1"), ("centre", "dropped batches", "", "1200"))
    found = public(office)
    assert found["searches"] == {"asked": 6, "cell_hours": 156, "batches": 18}
    assert found["releases_by_authority"] == {"authority-a": 6, "authority-b": 6}
    assert found["reads"] == {"by_kind": {"route": 6}, "total": 6}
    assert found["refusals"] == {"by_kind": {"NotFound": 6, "ReleaseRefused": 6}, "total": 12}
    assert found["destroyed"]["batches"] == 1200
    assert found["nodes_revoked"] == 1


def test_destroyed_days_and_canaries_are_told_with_their_evidence(office: Office) -> None:
    """Each statement is there with its signature and the key that checks it, and the trials by what came of them."""
    clock, authorities = office.world.clock, office.world.authorities
    canaries.seal_todays(office.engine, authorities, clock.now())
    canaries.try_all(office.engine, authorities, "oda", clock.now())
    statement = authorities[0].destroy(clock.now().date())
    canaries.keep_statements(office.engine, authorities, clock.now())
    canaries.try_all(office.engine, authorities, "oda", clock.now())
    found = public(office)
    office.world.clock.advance(AFTER)
    page = office.as_("oda").ask("GET", "/reports/transparency.html", params=MONTH)
    assert statement_to_map(statement)["signature"] in html.unescape(page)
    assert found["destroyed"]["days"] == [statement_to_map(statement)]
    told_key = base64.b64decode(found["destroyed"]["keys"][statement.authority])
    check_destruction(statement_from_map(found["destroyed"]["days"][0]), signing_public(told_key))
    assert found["canaries"] == {"shut": 1, "live": 1, "alarm": 0}


def test_what_few_searches_went_through_is_not_told(office: Office) -> None:
    """Below five releases their number is hidden, and so are the hours and batches, which would tell their size."""
    noted(office, ("kim", "released", "c", "by authority-a; 26 cell-hours, 3 batches searched"), times=4)
    found = public(office)
    assert (found["searches"]["cell_hours"], found["searches"]["batches"]) == (None, None)
    assert found["releases_by_authority"] == {"authority-a": FEW}


def test_other_periods_are_not_counted(office: Office) -> None:
    """An entry of the day before or of the first day after does not belong to the period."""
    for moment in (datetime(2026, 10, 31, 23, 59, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC)):
        with writing(office.engine) as session:
            record(session, moment, "kim", "opened", "c")
    assert public(office)["cases"]["opened"] == 0


def test_the_report_names_the_log_at_the_end_of_the_period(tmp_path: Path) -> None:
    """Size and root of the tree are those at the end of the period, whatever came later."""
    engine, month = open_database(database_in(tmp_path)), Period(date(2026, 11, 1), date(2026, 12, 1))
    moments = [datetime(2026, 11, day, tzinfo=UTC) for day in (3, 4, 5)]
    heads = []
    for moment in (*moments, datetime(2026, 12, 5, tzinfo=UTC)):
        with writing(engine) as session:
            record(session, moment, "kim", "opened", "c")
            heads.append(LOG.head(session))
            found = transparency(session, month, datetime(2026, 12, 6, tzinfo=UTC)).log
    assert (found.entries, found.root) == (3, heads[2].root.hex())
    engine.dispose()


def test_erased_cases_stay_counted(office: Office) -> None:
    """When a case is erased from the log, its acts are still counted by kind, and the report says how many."""
    noted(office, ("kim", "search", CASE, ""), ("kim", "refused", CASE, "GET NotFound: no"), times=5)
    with writing(office.engine) as session:
        LOG.erase_case(session, office.world.clock.now(), "centre", CASE)
        session.commit()
    found = public(office)
    assert found["searches"]["asked"] == 5
    assert found["refusals"]["by_kind"] == {"not known": 5}
    assert found["entries_erased"] == 10


def test_the_public_report_names_nobody(office: Office) -> None:
    """No account and no case is in it, in either form and language."""
    client = office.approved()
    office.searched(client)
    client.ask("GET", f"/cases/{CASE}/route")
    pages = [json.dumps(public(office))]
    office.world.clock.advance(AFTER)
    for language in ("en", "ko"):
        params = MONTH | {"language": language}
        pages.append(office.as_("oda").ask("GET", "/reports/transparency.html", params=params))
    for page in pages:
        words = set(re.findall(r"[a-z0-9-]+", page))
        assert not words & {CASE, *ROLES} - {"both"}


def test_making_the_public_report_is_itself_in_the_log(office: Office) -> None:
    """Who made it, and of which period."""
    public(office)
    last = office.audit()[-1]
    assert (last.account, last.action, last.detail) == ("oda", "transparency report", "2026-11-01 2026-12-01")


def told(office: Office, who: str = "oda", case: str = CASE) -> dict[str, Any]:
    found: dict[str, Any] = office.as_(who).ask("GET", f"/cases/{case}/report")
    return found


def test_a_patient_is_told_everything_about_the_case(office: Office) -> None:
    """Consent, signatures by role, the search with its cell-hours, every read, and what is kept until when."""
    office.fill()
    client = office.approved()
    office.searched(client)
    client.ask("GET", f"/cases/{CASE}/route")
    client.ask("GET", f"/cases/{CASE}/contacts")
    found = told(office, "kim")
    assert found["consent"]["scopes"] == ["face"]
    assert [(act["role"], act["what"]) for act in found["signatures"]] == [
        ("tracer", "opened"), ("witness", "consent"), ("approver", "approved"),
    ]  # fmt: skip
    [search] = found["searches"]
    assert (search["authorities"], search["batches"]) == (["authority-a", "authority-b"], 1)
    assert search["cell_hours"] == 13
    reads = [(act["role"], act["what"]) for act in found["reads"]]
    assert reads[-3:] == [("tracer", "route"), ("tracer", "contacts"), ("tracer", "subject report")]
    assert ("approver", "case") in reads
    assert {held["what"] for held in found["held"]} == {"log", "receipt", "route", "documents", "template", "batches"}
    assert found["gone"] == []


def test_a_patient_is_told_by_role_and_never_by_name(office: Office) -> None:
    """No member of staff is named in the report, in either language."""
    client = office.approved()
    office.searched(client)
    pages = [json.dumps(told(office))]
    pages += [
        office.as_("oda").ask("GET", f"/cases/{CASE}/report.html", params={"language": la}) for la in ("en", "ko")
    ]
    for page in pages:
        assert not set(re.findall(r"[a-z0-9-]+", page)) & {"kim", "lee", "oda", "tam"}


def test_after_a_withdrawal_the_report_says_that_it_is_gone(office: Office) -> None:
    """The withdrawal, who was told of it, and that route and template are no longer kept."""
    office.fill()
    client = office.approved()
    office.searched(client)
    client.ask("POST", f"/cases/{CASE}/withdraw")
    found = told(office)
    assert found["state"] == "withdrawn"
    assert [act["what"] for act in found["ending"]] == [
        "withdrawn", "told authority-a", "told authority-b", "told probes",
    ]  # fmt: skip
    assert {"route", "template"} <= set(found["gone"])
    assert not {"route", "template"} & {held["what"] for held in found["held"]}
    page = client.ask("GET", f"/cases/{CASE}/report.html")
    assert "consent withdrawn" in page
    assert "authority authority-b was told" in page


def test_refused_attempts_are_told_too(office: Office) -> None:
    """What somebody tried under the case and was not allowed to is in the patient's report, by kind."""
    client = office.opened()
    with pytest.raises(ApiRefused):
        client.ask("POST", f"/cases/{CASE}/route-jobs")
    assert ("tracer", "WrongState") in [(act["role"], act["what"]) for act in told(office)["refusals"]]


def test_the_patients_report_is_for_its_tracer_and_the_officer(office: Office) -> None:
    """Another tracer does not learn that the case exists; each reading is in the log."""
    office.opened()
    with pytest.raises(ApiRefused) as refused:
        told(office, "tam")
    assert refused.value.status == 404
    told(office, "oda")
    assert [(one.account, one.action) for one in office.audit()][-1] == ("oda", "read subject report")


def test_of_a_case_that_nobody_knows_nothing_is_told(office: Office) -> None:
    """An unknown or wholly erased case is not found, and leaves no entry that it was read."""
    with pytest.raises(ApiRefused, match="nothing is kept"):
        told(office, "oda", "case-never")
    assert all(entry.action != "read subject report" for entry in office.audit())


@pytest.mark.parametrize("language", ["en", "ko"])
def test_a_page_stands_alone_and_can_be_read_aloud(office: Office, language: str) -> None:
    """No script, link or picture; a language, one heading, captions or labels, and heads for every table."""
    client = office.approved()
    office.searched(client)
    page = client.ask("GET", f"/cases/{CASE}/report.html", params={"language": language})
    assert f'<html lang="{language}">' in page
    assert not re.search(r"<(script|img|link|iframe|object)\b|\bsrc=|\bhref=|url\(|@import", page)
    assert page.count("<h1>") == 1
    assert len(re.findall(r"<table aria-labelledby=\"(\w+)\"", page)) == page.count("<table") == page.count("<thead>")
    assert all(f'id="{name}"' in page for name in re.findall(r"aria-labelledby=\"(\w+)\"", page))


def test_what_people_entered_is_escaped(office: Office) -> None:
    """Whatever stands in a field is shown as text."""
    office.opened()
    with Session(office.engine) as session:
        report = subject_report(session, CASE, office.world.clock.now(), office.centre.rules)
    assert report.consent
    odd = replace(report, consent=replace(report.consent, receipt="<b>7</b> & 8"))
    page = subject_page(odd, "en", office.centre.zone, office.centre.terms.bases)
    assert "&lt;b&gt;7&lt;/b&gt; &amp; 8" in page


def test_acts_that_no_section_knows_are_told_all_the_same(office: Office) -> None:
    """A kind of act that is new in the log appears in the patient's report under its own name."""
    client = office.opened()
    noted(office, ("kim", "levitated", CASE, ""))
    assert ("tracer", "levitated") in [(act["role"], act["what"]) for act in told(office)["others"]]
    assert "levitated" in client.ask("GET", f"/cases/{CASE}/report.html")


@pytest.mark.parametrize(
    ("end", "shown"),
    [
        ("2026-11-23T14:50:00Z", "2026-11-23 23:30 – 23:50"),
        ("2026-11-23T15:10:00Z", "2026-11-23 23:30 – 2026-11-24 00:10"),
    ],
)
def test_an_end_on_another_local_day_says_its_day(end: str, shown: str) -> None:
    """The day is that of the clock on the wall: midnight in Seoul is the middle of a day of UTC."""
    assert time_span("2026-11-23T14:30:00Z", end, zone=ZoneInfo("Asia/Seoul")) == shown


def test_every_phrase_is_there_in_both_languages() -> None:
    """No phrase is empty, and both languages take the same values."""
    for phrases in (PUBLIC, SUBJECT):
        for name, (english, korean) in phrases.items():
            assert english, name
            assert re.search("[가-힣]", korean), name
            assert set(re.findall(r"\{(\w+)\}", english)) == set(re.findall(r"\{(\w+)\}", korean)), name


def test_reports_by_their_commands(office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`cairn-central report` answers JSON, or writes a page in the language that was asked for."""
    office.opened()
    office.typed("report", "subject", CASE, "--json")
    assert json.loads(capsys.readouterr().out)["case"] == CASE
    office.world.clock.advance(AFTER)
    page = tmp_path / "report.html"
    month = ["--from", MONTH["from"], "--until", MONTH["until"]]
    office.typed("report", "transparency", *month, "--html", str(page), "--language", "ko", by="oda")
    assert "투명성 보고서" in page.read_text("utf-8")
    with pytest.raises(SystemExit) as ended:
        office.typed("report", "transparency", *month, "--html", str(tmp_path / "no" / "where.html"), by="oda")
    assert ended.value.code == 2


def test_times_are_shown_as_they_are_where_the_centre_is(office: Office) -> None:
    """A page shows local times and says which zone they are in."""
    office.opened()
    zone = office.centre.zone
    assert zone == ZoneInfo("Asia/Seoul")
    page = office.as_("kim").ask("GET", f"/cases/{CASE}/report.html")
    assert "Asia/Seoul" in page
    assert office.world.clock.now().astimezone(zone).strftime("%Y-%m-%d %H:%M") in page
