"""Nothing outlives its time: what goes when, the evidence of it, and that nothing is left half done."""

from __future__ import annotations

import dataclasses
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlmodel import Session

from central.audit.service import first_broken
from central.batches.store import SqlBatchStore
from central.batches.tables import RefusedBatch
from central.cases.client import ApiRefused
from central.cases.service import State
from central.cases.tables import Case
from central.database import CentreTable, writing
from central.errors import BadSettings, ServiceDown
from central.probes.templates import NoTemplate
from central.retention.due import Due, Kind
from central.retention.job import Retention
from central.retention.rules import RULES, Rules, load_rules
from central.routes.tables import FoundRoute, RouteJob
from central.search.case_search import SearchParts
from tests.central.authority_fixtures import CASE, NOW
from tests.central.centre_fixtures import Office
from tests.postgres import database_in

DAY = timedelta(days=1)


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


@pytest.fixture
def quiet(tmp_path: Path) -> Office:
    """An office in which nobody serves, so that nobody else destroys anything."""
    made = Office(tmp_path)
    old_and_ended(made)
    return made


def kinds(office: Office) -> list[str]:
    return [one.kind for one in office.centre.retain()]


def rows_about(office: Office, case: str) -> set[str]:
    """The tables in which anything about a case is left."""
    left = set()
    with Session(office.engine) as session:
        for table in CentreTable.metadata.sorted_tables:
            if "case" in table.columns and session.execute(select(table).where(table.c.case == case)).first():
                left.add(table.name)
    return left


def kept(office: Office) -> timedelta:
    """How long a case of the test's legal basis is kept after its end."""
    return office.centre.rules.case(office.scope().purpose)


def state_of(office: Office, case: str = CASE) -> str:
    with Session(office.engine) as session:
        return session.get_one(Case, case).state


def test_a_case_whose_scope_is_over_ends_by_itself(office: Office) -> None:
    """Nobody has to close it: route, contacts' pseudonyms and template go, and no authority releases any more."""
    office.fill()
    kim = office.approved()
    office.searched(kim)
    office.world.clock.advance(2 * DAY + timedelta(minutes=1))
    office.centre.upkeep()
    assert state_of(office) == State.EXPIRED
    with Session(office.engine) as session:
        assert session.get(FoundRoute, CASE) is None
        assert session.get_one(Case, CASE).pseudonym_key is None
        assert session.get_one(Case, CASE).untold == ""
    with pytest.raises(ApiRefused, match="has expired"):
        kim.ask("GET", f"/cases/{CASE}/route")
    with pytest.raises(NoTemplate):
        office.world.probes._templates.get(CASE)
    assert [authority.ended([CASE]) for authority in office.world.authorities] == [[CASE], [CASE]]
    assert [entry.action for entry in office.audit() if entry.account == "retention"] == ["expired"]


def test_a_case_whose_consent_is_over_ends_by_itself(office: Office) -> None:
    """The patient may have given less time than the scope asks for."""
    kim = office.as_("kim")
    kim.open(office.scope(), office.keys["kim"])
    kim.consent(office.receipt(expires=office.world.clock.now() + timedelta(hours=5)), office.keys["kim"])
    office.world.clock.advance(timedelta(hours=4, minutes=59))
    assert kinds(office) == []
    office.world.clock.advance(timedelta(minutes=1))
    assert kinds(office) == [Kind.EXPIRES]
    assert state_of(office) == State.EXPIRED


def test_an_expired_case_is_no_longer_searched(office: Office) -> None:
    """The centre refuses before it asks anybody."""
    office.fill()
    kim = office.approved()
    office.world.clock.advance(3 * DAY)
    office.centre.upkeep()
    with pytest.raises(ApiRefused, match="has expired"):
        kim.ask("POST", f"/cases/{CASE}/route-jobs")


def test_an_ended_case_is_erased_from_every_table_in_its_time(office: Office) -> None:
    """Afterwards only log, receipt and name are left; the log is whole, and the name is not used again."""
    office.fill()
    kim = office.approved()
    office.searched(kim)
    kim.ask("POST", f"/cases/{CASE}/close")
    office.world.clock.advance(kept(office) - timedelta(minutes=1))
    assert Kind.CASE not in kinds(office)
    office.world.clock.advance(timedelta(minutes=1))
    assert Kind.CASE in kinds(office)
    assert rows_about(office, CASE) <= {"auditentry", "consentrecord", "pastcase"}
    erased = office.audit()[-1]
    assert (erased.account, erased.action, erased.case) == ("retention", "erased", CASE)
    with pytest.raises(ApiRefused, match="none is used twice"):
        kim.open(office.scope(), office.keys["kim"])
    with Session(office.engine) as session:
        assert first_broken(session) is None


def test_the_logs_words_of_a_case_go_in_their_own_time(office: Office) -> None:
    """Three years after its end the log no longer tells whose case it was, and still verifies."""
    kim = office.opened()
    kim.ask("POST", f"/cases/{CASE}/close")
    office.world.clock.advance(kept(office))
    office.centre.retain()
    before = len(office.audit())
    office.world.clock.advance(1096 * DAY)
    assert {Kind.CASE_AUDIT, Kind.AUDIT} <= set(kinds(office))
    assert rows_about(office, CASE) <= {"consentrecord"}
    assert all(entry.account == "" for entry in office.audit()[: before - 2])
    with Session(office.engine) as session:
        assert first_broken(session) is None


def test_a_case_is_kept_by_its_legal_basis(office: Office, tmp_path: Path) -> None:
    """An office's rules may keep the cases of one basis for another time."""
    changed = json.loads((RULES / "2026-11.json").read_text())
    changed["cases_days_by_basis"] = {office.scope().purpose: 10}
    (tmp_path / "rules.json").write_text(json.dumps(changed))
    object.__setattr__(office.centre, "rules", load_rules(tmp_path / "rules.json"))
    kim = office.opened()
    kim.ask("POST", f"/cases/{CASE}/close")
    office.world.clock.advance(10 * DAY - timedelta(minutes=1))
    assert kinds(office) == []
    office.world.clock.advance(timedelta(minutes=1))
    assert kinds(office) == [Kind.CASE]


def test_a_case_is_kept_until_every_office_has_heard(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the probe service is away its template may still be there, and the name is what it is found by."""

    def away(_case: str) -> bool:
        raise ServiceDown("the probe service does not answer")

    kim = office.opened()
    with monkeypatch.context() as patched:
        patched.setattr(office.world.probes, "erase", away)
        assert kim.ask("POST", f"/cases/{CASE}/close")["untold"] == ["probes"]
        office.world.clock.advance(61 * DAY)
        assert kinds(office) == []
    assert kinds(office) == [Kind.CASE]
    with pytest.raises(NoTemplate):
        office.world.probes._templates.get(CASE)


def test_what_is_over_is_destroyed_once_with_one_entry_each(quiet: Office) -> None:
    """The second round finds nothing; looking changes nothing."""
    with Session(quiet.engine) as session:
        held = {table.name: len(session.execute(select(table)).all()) for table in CentreTable.metadata.sorted_tables}
    assert len(due(quiet)) == 4
    with Session(quiet.engine) as session:
        for table in CentreTable.metadata.sorted_tables:
            assert len(session.execute(select(table)).all()) == held[table.name]
    assert {one.kind for one in retention(quiet).run()} == {Kind.ROUTE, Kind.CASE, Kind.BATCHES, Kind.REFUSED}
    assert retention(quiet).run() == []
    assert evidence(quiet) == ["dropped batches", "erased", "erased route", "forgot refused batches"]


@pytest.mark.parametrize("act", [1, 2, 3, 4])
def test_killed_in_the_middle_nothing_is_half_done(quiet: Office, act: int) -> None:
    """Each act and its evidence are one transaction: killed before its commit, the next round does it as if new."""
    code = (
        "import os, signal, sys\n"
        "from datetime import datetime\n"
        "from central.batches.store import SqlBatchStore\n"
        "from central.database import open_database\n"
        "from central.retention import job\n"
        "from central.retention.rules import load_rules\n"
        "from central.search.case_search import SearchParts\n"
        "from shared.clock import FixedClock\n"
        "url, act, now = sys.argv[1], int(sys.argv[2]), datetime.fromisoformat(sys.argv[3])\n"
        "calls, real = [], job.record\n"
        "def record(*given, **named):\n"
        "    calls.append(given)\n"
        "    if len(calls) == act:\n"
        "        given[0].flush()\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "    real(*given, **named)\n"
        "job.record = record\n"
        "engine = open_database(url)\n"
        "parts = SearchParts([], None, SqlBatchStore(engine))\n"
        "job.Retention(engine, FixedClock(now), parts, load_rules()).run()\n"
    )
    url, now = database_in(quiet.folder), quiet.world.clock.now().isoformat()
    died = subprocess.run([sys.executable, "-c", code, url, str(act), now], check=False)
    assert died.returncode == -signal.SIGKILL
    assert len(evidence(quiet)) == act - 1
    assert len(due(quiet)) == 4 - (act - 1)
    retention(quiet).run()
    assert due(quiet) == []
    assert evidence(quiet) == ["dropped batches", "erased", "erased route", "forgot refused batches"]
    with Session(quiet.engine) as session:
        assert first_broken(session) is None


def test_a_store_that_is_away_does_not_keep_the_rest_alive(quiet: Office) -> None:
    """What fails is told in the service's log and tried again, and the rest goes on."""
    parts = dataclasses.replace(quiet.parts, store=Away(quiet.engine))
    assert Kind.CASE in [one.kind for one in retention(quiet, parts).run()]
    assert [one.kind for one in due(quiet)] == [Kind.BATCHES]


class Away(SqlBatchStore):
    """A store that is away."""

    def drop_hour(self, hour: int, note: Callable[[Session, int], None] | None = None) -> int:
        raise OSError


@pytest.mark.parametrize(
    "change",
    [
        {"batches_days": 15},
        {"batches_days": 0},
        {"batches_days": "14"},
        {"batches_days": True},
        {"audit_days": 30},
        {"cases_days_by_basis": {"x": -1}},
        {"cases_days_by_basis": {"x": 2000}},
        {"cases_days_by_basis": []},
        {"name": "../x"},
        {"routes_days": None},
    ],
)
def test_rules_that_make_no_sense_are_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    """A misspelt number must not keep people's data for ever, nor drop what boxes still send."""
    path = tmp_path / "rules.json"
    path.write_text(json.dumps(json.loads((RULES / "2026-11.json").read_text()) | change))
    with pytest.raises(BadSettings, match="rules of retention"):
        load_rules(path)


def test_rules_that_are_not_there_are_refused(tmp_path: Path) -> None:
    """Neither a missing file nor one that is no JSON falls back to other rules."""
    for content in (None, "{", "[]", "null"):
        path = tmp_path / "rules.json"
        if content is not None:
            path.write_text(content)
        with pytest.raises(BadSettings):
            load_rules(path)


def test_the_rules_that_ship_are_as_documented() -> None:
    """Batches and routes fourteen days, cases sixty after their end, the log's words three years."""
    rules: Rules = load_rules()
    assert (rules.batches, rules.routes, rules.cases, rules.audit) == (14 * DAY, 14 * DAY, 60 * DAY, 1096 * DAY)


def old_and_ended(office: Office) -> None:
    """One of each that needs no other office: a route, an ended case, batches of an hour, a refused batch."""
    office.fill()
    with writing(office.engine) as session:
        later: Any = {"opened_by": "kim", "opened_at": NOW, "expires": NOW, "scope": b"", "opener_signature": b""}
        session.add(Case(case="case-9", state=State.CLOSED, ended_at=NOW, **later))
        session.add(RouteJob(id="job-9", case="case-9", asked_by="kim", state="done", asked_at=NOW))
        session.add(FoundRoute(case="case-8", job="job-8", found_at=NOW, route="{}"))
        session.add(RefusedBatch(at=NOW, node="node-1", reason="BadBatch: …", size=1))
        session.commit()
    office.world.clock.advance(61 * DAY)


def retention(office: Office, parts: SearchParts | None = None) -> Retention:
    return Retention(office.engine, office.world.clock, parts or office.parts, load_rules())


def due(office: Office) -> list[Due]:
    return retention(office).due()


def evidence(office: Office) -> list[str]:
    return sorted(entry.action for entry in office.audit() if entry.account == "retention")
