"""How a case ends: while it is searched, by time, by word, in part, with an office away. And what is left of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from central.authority.client import Releases
from central.authority.released import Recipient
from central.batches.store import Lying, SqlBatchStore
from central.cases.service import release_of
from central.cases.tables import Case
from central.consents.tables import ConsentRecord
from central.errors import ServiceDown
from central.routes.tables import FoundRoute, RouteJob
from central.search.case_search import SearchParts
from central.testimony.tables import ToldVisit
from shared.errors import ReleaseRefused
from shared.releases import release_to_bytes
from tests.central.authority_fixtures import CASE, NOW, World
from tests.central.centre_fixtures import Office
from tests.central.test_cases import refusal
from tests.waiting import wait_until

BOTH = ("face", "appearance")
HOUR = timedelta(hours=1)
VISIT = {"place": "bakery", "start": (NOW - 3 * HOUR).isoformat(), "end": (NOW - 2 * HOUR).isoformat()}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


class SlowStore(SqlBatchStore):
    """Gives one batch and then waits: a search that takes as long as a test needs."""

    def __init__(self, office: Office) -> None:
        super().__init__(office.engine)
        self.asked, self.go_on = threading.Event(), threading.Event()

    def stream(self, cells: Sequence[str], hours: range) -> Iterator[Sequence[Lying]]:
        yield from super().stream(cells, hours)
        self.asked.set()
        assert self.go_on.wait(60)


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[tuple[Office, SlowStore]]:
    """An office in which every search waits for its last batch."""
    office = Office(tmp_path)
    office.fill()
    store = SlowStore(office)
    with office.open(SearchParts(office.world.authorities, office.world.probes, store)):
        try:
            yield office, store
        finally:
            store.go_on.set()


def ended(office: Office, job: dict[str, Any]) -> dict[str, Any]:
    client, path = office.as_("kim"), f"/cases/{CASE}/route-jobs/{job['job']}"
    wait_until(lambda: client.ask("GET", path)["state"] not in ("waiting", "running"), "the end of the search", 60)
    found: dict[str, Any] = client.ask("GET", path)
    return found


def searching(office: Office, store: SlowStore) -> dict[str, Any]:
    job: dict[str, Any] = office.as_("kim").ask("POST", f"/cases/{CASE}/route-jobs")
    assert store.asked.wait(60)
    return job


def rows(office: Office, table: Any) -> list[Any]:
    with Session(office.engine) as session:
        return list(session.exec(select(table)).all())


# while it is searched


@pytest.mark.parametrize("what", ["approval", "consent"])
def test_what_runs_out_while_a_search_runs_stops_it(slow: tuple[Office, SlowStore], what: str) -> None:
    """Not at the next batch and not at the end: at that moment. No result is kept, and the log says why."""
    office, store = slow
    kim, key = office.as_("kim"), office.keys["kim"]
    soon = NOW + timedelta(hours=5)
    kim.open(office.scope(expires=soon) if what == "approval" else office.scope(), key)
    kim.consent(office.receipt(expires=soon) if what == "consent" else office.receipt(), key)
    kim.register(CASE, office.sealed_template())
    office.approve("lee")
    job = searching(office, store)
    office.world.clock.advance(timedelta(hours=5))
    found = ended(office, job)
    assert (found["state"], found["error"]["error"]) == ("stopped", "ReleaseRefused")
    assert "ran out during the search" in found["error"]["message"]
    assert found["error"]["hint"]
    assert rows(office, FoundRoute) == []
    assert ("kim", "refused") in [(entry.account, entry.action) for entry in office.audit()]


def test_a_search_that_ends_just_too_late_leaves_nothing(slow: tuple[Office, SlowStore]) -> None:
    """An answer that arrives after the consent's last second is dropped, however it got past the watch."""
    office, store = slow
    office.approved()
    jobs = office.centre.jobs
    job = searching(office, store)
    office.world.clock.advance(timedelta(days=3))
    store.go_on.set()
    found = ended(office, job)
    assert found["state"] in ("stopped", "failed")
    assert found["error"]["error"] == "ReleaseRefused"
    assert rows(office, FoundRoute) == []
    assert jobs.progress(job["job"]) is None


@pytest.mark.parametrize("who", ["kim", "oda"])
@pytest.mark.parametrize("scope", [None, "face"])
def test_a_withdrawal_kills_what_runs(slow: tuple[Office, SlowStore], who: str, scope: str | None) -> None:
    """The tracer or the privacy officer takes the word down; worker, route, template and pseudonyms are gone."""
    office, store = slow
    office.approved()
    job = searching(office, store)
    done = office.as_(who).ask("POST", f"/cases/{CASE}/withdraw", params={"scope": scope} if scope else None)
    assert (done["state"], done["withdrawn"], done["untold"]) == ("withdrawn", ["face"], [])
    found = ended(office, job)
    assert (found["state"], found["error"]["error"]) == ("stopped", "CaseEnded")
    assert rows(office, FoundRoute) == []
    (row,) = rows(office, Case)
    assert row.pseudonym_key is None
    assert list((office.folder / "templates").iterdir()) == []


# by word


def test_a_withdrawal_is_seen_by_the_tracer_at_once(office: Office) -> None:
    """In the list, in the case and in the receipt: that, when, and by whose role; who took it down is in the log."""
    kim = office.approved()
    kim.ask("POST", f"/cases/{CASE}/testimony", VISIT)
    office.as_("oda").ask("POST", f"/cases/{CASE}/withdraw")
    (line,) = kim.ask("GET", "/cases")
    shown = kim.show(CASE)
    for seen in (line, shown):
        assert (seen["state"], seen["ended_by"], seen["withdrawn"]) == ("withdrawn", "privacy-officer", ["face"])
        assert seen["ended_at"] == NOW.isoformat().replace("+00:00", "Z")
    receipt = kim.ask("GET", f"/cases/{CASE}/consent.json")
    assert receipt["events"][-1]["recorded_by"] == "privacy-officer"
    last = [entry for entry in office.audit() if entry.action == "withdrawn"][-1]
    assert (last.account, last.case, last.detail) == ("oda", CASE, "as privacy-officer; scopes face")
    assert refusal(lambda: kim.ask("GET", f"/cases/{CASE}/testimony")) == (409, "CaseEnded")


def test_withdrawing_erases_what_was_found_and_told_and_keeps_what_proves_the_consent(office: Office) -> None:
    """Route, contacts, timeline, template and pseudonyms go; the signed receipt stays until its own day."""
    office.fill()
    kim = office.approved()
    office.searched(kim)
    kim.ask("POST", f"/cases/{CASE}/testimony", VISIT)
    kim.ask("POST", f"/cases/{CASE}/withdraw")
    assert rows(office, FoundRoute) == rows(office, ToldVisit) == []
    assert all(job.candidates == 0 for job in rows(office, RouteJob))
    (kept,) = rows(office, ConsentRecord)
    assert (kept.withdrawn, kept.ended_by) == ("face", "tracer")
    assert kept.keep_until > NOW + timedelta(days=365)
    files = b"".join(path.read_bytes() for path in office.folder.glob("centre.sqlite*"))
    assert b"bakery" not in files


def test_withdrawing_twice_changes_nothing(office: Office) -> None:
    """The first word counts, whoever says it again."""
    kim = office.approved()
    first = kim.ask("POST", f"/cases/{CASE}/withdraw")
    office.world.clock.advance(timedelta(hours=1))
    assert office.as_("oda").ask("POST", f"/cases/{CASE}/withdraw") == first
    assert kim.show(CASE)["ended_at"] == NOW.isoformat().replace("+00:00", "Z")
    assert kim.show(CASE)["ended_by"] == "tracer"


def test_nobody_else_withdraws(office: Office) -> None:
    """Neither another tracer nor an approver nor a technician; an unknown case is unknown to the officer as well."""
    office.approved()
    path = f"/cases/{CASE}/withdraw"
    assert refusal(lambda: office.as_("tam").ask("POST", path)) == (404, "NotFound")
    assert refusal(lambda: office.as_("lee").ask("POST", path)) == (403, "NotAllowed")
    assert refusal(lambda: office.as_("tec").ask("POST", path)) == (403, "NotAllowed")
    assert refusal(lambda: office.as_("oda").ask("POST", "/cases/case-9/withdraw")) == (404, "NotFound")
    assert office.as_("kim").show(CASE)["state"] == "approved"


# in part


def narrowed(office: Office, consents: tuple[str, ...]) -> Any:
    """A searched case with both scopes given, of which `consents` are searched; then appearance is taken back."""
    office.fill()
    kim, key = office.as_("kim"), office.keys["kim"]
    kim.open(office.scope(consents=consents), key)
    kim.consent(office.receipt(scopes=BOTH, refused=()), key)
    kim.register(CASE, office.sealed_template())
    office.approve("lee")
    office.searched(kim)
    return kim.ask("POST", f"/cases/{CASE}/withdraw", params={"scope": "appearance"})


def test_taking_one_scope_back_ends_the_search_and_keeps_what_came_by_the_other(office: Office) -> None:
    """A route by face alone stays readable; nothing is searched under the old consent any more, by any office."""
    done = narrowed(office, ("face",))
    assert (done["state"], done["withdrawn"], done["untold"]) == ("narrowed", ["appearance"], [])
    kim = office.as_("kim")
    assert kim.ask("GET", f"/cases/{CASE}/route")["route"]["visits"]
    assert refusal(lambda: kim.ask("POST", f"/cases/{CASE}/route-jobs")) == (409, "CaseEnded")
    assert list((office.folder / "templates").iterdir()) == []
    events = kim.ask("GET", f"/cases/{CASE}/consent.json")["events"]
    assert (events[-1]["event_state"], events[-1]["scopes"]) == ("consent_withdrawn", ["appearance"])
    line = kim.ask("GET", "/cases")[0]
    assert (line["state"], line["withdrawn"], line["ended_by"]) == ("narrowed", ["appearance"], "tracer")


def test_what_was_found_by_a_scope_goes_with_it(office: Office) -> None:
    """A route to which clothes contributed is erased when they are taken back, the face's part of it too."""
    narrowed(office, BOTH)
    kim = office.as_("kim")
    assert rows(office, FoundRoute) == []
    assert refusal(lambda: kim.ask("GET", f"/cases/{CASE}/route")) == (404, "NotFound")


def test_the_rest_of_a_consent_needs_a_new_case(office: Office) -> None:
    """A new scope, a new receipt, a new approval under another name: then the other scope is searched."""
    narrowed(office, BOTH)
    kim, key = office.as_("kim"), office.keys["kim"]
    assert refusal(lambda: kim.open(office.scope(), key)) == (409, "WrongState")
    kim.open(office.scope("case-2"), key)
    kim.consent(office.receipt("case-2"), key)
    kim.register("case-2", office.sealed_template("case-2"))
    office.approve("lee", "case-2")
    assert office.searched(kim, "case-2")["state"] == "done"


def test_the_old_release_is_worth_nothing_at_an_authority(office: Office) -> None:
    """Somebody who kept the signed documents of before the withdrawal is refused by each office itself."""
    office.approved()
    with Session(office.engine) as session:
        kept = release_to_bytes(release_of(session.get_one(Case, CASE)))
    office.as_("kim").ask("POST", f"/cases/{CASE}/withdraw", params={"scope": "face"})
    for authority in office.world.authorities:
        with pytest.raises(ReleaseRefused, match="withdrawn"):
            authority.release(kept, Recipient.SEARCH, office.world.probes.public)


def test_only_a_given_scope_is_taken_back_and_once(office: Office) -> None:
    """A refused one, one that does not exist, and the same one again are refused; the second of two withdraws all."""
    narrowed(office, ("face",))
    kim, path = office.as_("kim"), f"/cases/{CASE}/withdraw"
    assert refusal(lambda: kim.ask("POST", path, params={"scope": "appearance"})) == (403, "ScopeRefused")
    assert refusal(lambda: kim.ask("POST", path, params={"scope": "gait"})) == (422, "BadRequest")
    assert kim.ask("POST", path, params={"scope": "face"})["state"] == "withdrawn"
    assert kim.show(CASE)["withdrawn"] == ["face", "appearance"]
    assert refusal(lambda: kim.ask("GET", f"/cases/{CASE}/route")) == (409, "CaseEnded")
    assert refusal(lambda: kim.ask("POST", path, params={"scope": "face"})) == (403, "ScopeRefused")


def test_before_anybody_was_asked_no_scope_is_taken_back(office: Office) -> None:
    """There is nothing to take back; the whole case may still be withdrawn."""
    kim = office.as_("kim")
    kim.open(office.scope(), office.keys["kim"])
    path = f"/cases/{CASE}/withdraw"
    assert refusal(lambda: kim.ask("POST", path, params={"scope": "face"})) == (403, "ScopeRefused")
    assert kim.ask("POST", path)["state"] == "withdrawn"


# by time


def test_a_case_whose_time_is_over_ends_by_itself(office: Office) -> None:
    """Approved, open or manual: its template and route go, and its tracer sees that time ended it."""
    office.fill()
    kim = office.approved()
    office.searched(kim)
    kim.open(office.scope("by-hand", cells=(), consents=()), office.keys["kim"])
    office.world.clock.advance(timedelta(days=3))
    office.centre.upkeep()
    lines = {line["case"]: line for line in kim.ask("GET", "/cases")}
    assert {line["state"] for line in lines.values()} == {"expired"}
    assert lines[CASE]["ended_by"] == "centre"
    assert rows(office, FoundRoute) == []
    assert list((office.folder / "templates").iterdir()) == []


# with an office away


class Away:
    """An authority that does not answer until it is back."""

    def __init__(self, real: Releases) -> None:
        self.name, self.real, self.back = real.name, real, False

    def __getattr__(self, name: str) -> Any:
        if name in ("release", "withdraw", "check_up") and not self.back:
            return self._away
        return getattr(self.real, name)

    def _away(self, *_arguments: object) -> Any:
        raise ServiceDown(f"authority {self.name} does not answer", hint="the case waits")


def test_an_office_that_is_away_is_told_later_and_the_search_is_refused_already(tmp_path: Path) -> None:
    """The centre refuses at once; the office hears as soon as it is back, for one scope as for all."""
    office = Office(tmp_path)
    world: World = office.world
    away = Away(world.authorities[1])
    away.back = True
    with office.open(SearchParts([world.authorities[0], away], world.probes, office.store)):
        kim = office.approved()
        away.back = False
        done = kim.ask("POST", f"/cases/{CASE}/withdraw", params={"scope": "face"})
        assert done["untold"] == ["authority-b"]
        assert kim.show(CASE)["untold"] == ["authority-b"]
        assert refusal(lambda: kim.ask("POST", f"/cases/{CASE}/route-jobs")) == (409, "CaseEnded")
        away.back = True
        office.centre.upkeep()
        assert kim.show(CASE)["untold"] == []
        assert world.authorities[1].log_entries()[-1].action == "withdrawn"
        assert json.dumps(kim.ask("GET", "/cases"))


REFUSED_AFTER: dict[str, Callable[[Office], object]] = {
    "search": lambda office: office.as_("kim").ask("POST", f"/cases/{CASE}/route-jobs"),
    "approve": lambda office: office.approve("lee"),
    "register": lambda office: office.as_("kim").register(CASE, office.sealed_template()),
    "consent": lambda office: office.as_("kim").consent(office.receipt(receipt="r-2"), office.keys["kim"]),
    "testimony": lambda office: office.as_("kim").ask("POST", f"/cases/{CASE}/testimony", VISIT),
}


@pytest.mark.parametrize("what", REFUSED_AFTER)
@pytest.mark.parametrize("how", ["withdraw", "withdraw one", "close", "expire"])
def test_nothing_is_done_with_a_case_that_has_ended(office: Office, what: str, how: str) -> None:
    """However it ended, every act on it is refused by the same name, with what to do instead."""
    kim, key = office.as_("kim"), office.keys["kim"]
    kim.open(office.scope(), key)
    kim.consent(office.receipt(scopes=BOTH, refused=()), key)
    kim.register(CASE, office.sealed_template())
    office.approve("lee")
    if how == "expire":
        office.world.clock.advance(timedelta(days=3))
        office.centre.upkeep()
    else:
        params = {"scope": "appearance"} if how == "withdraw one" else None
        kim.ask("POST", f"/cases/{CASE}/{how.split(maxsplit=1)[0]}", params=params)
    assert refusal(lambda: REFUSED_AFTER[what](office)) == (409, "CaseEnded")
