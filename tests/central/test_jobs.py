"""Searches in the background: they wait for an office that is away and say for whom; nothing is dropped silently."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, select

from central.authority.released import Recipient
from central.authority.service import Authority
from central.cases.client import ApiRefused, CaseClient
from central.cases.service import State
from central.cases.tables import Case
from central.database import writing
from central.errors import ServiceDown
from central.probes.service import ProbeService
from central.routes.tables import RouteJob
from central.search.case_search import SearchParts
from shared.batches import read_batch
from tests.central.authority_fixtures import CASE, NOW, some_faces
from tests.central.centre_fixtures import Office
from tests.waiting import wait_until

PATH = f"/cases/{CASE}/route-jobs"


class AuthorityAway:
    """An authority that cannot be reached for a while; the rest is the real one."""

    def __init__(self, real: Authority) -> None:
        self.name, self.real, self.away, self.asked = real.name, real, True, 0

    def release(self, release_bytes: bytes, recipient: Recipient, public: bytes, *cells: Sequence[str]) -> bytes:
        self.asked += 1
        if self.away:
            raise ServiceDown(f"authority {self.name} does not answer", hint="the case waits")
        return self.real.release(release_bytes, recipient, public, *cells)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class ProbesAway(ProbeService):
    """The real probe service, which answers no search for a while."""

    away = True

    def probes(self, *asked: Any) -> bytes:
        if self.away:
            raise ServiceDown("the probe service does not answer", hint="the case waits")
        return super().probes(*asked)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def with_south_away(office: Office) -> tuple[SearchParts, AuthorityAway]:
    south = AuthorityAway(office.world.authorities[1])
    return dataclasses.replace(office.parts, authorities=[office.world.authorities[0], south]), south


def asked(client: CaseClient) -> str:
    """The path of a search that has just been asked for."""
    return f"{PATH}/{client.ask('POST', PATH)['job']}"


def becomes(client: CaseClient, path: str, state: str) -> Any:
    """The job as it was seen in this state, and telling for whom if it waits: a moment later it may ask again."""

    def there() -> Any:
        job = client.ask("GET", path)
        return job if job["state"] == state and (state != "waiting" or job["error"]) else None

    return wait_until(there, f"the search to be {state}", 30)


def test_a_search_waits_for_an_authority_that_is_away_and_goes_on_by_itself(office: Office) -> None:
    """It says which one it waits for, asks again and again, and is done once that one is back."""
    parts, south = with_south_away(office)
    with office.open(parts):
        office.fill()
        kim = office.approved()
        path = asked(kim)
        job = becomes(kim, path, "waiting")
        assert job["error"]["error"] == "ServiceDown"
        assert job["error"]["message"] == "authority authority-b does not answer"
        wait_until(lambda: south.asked >= 3, "it to be asked again")
        with pytest.raises(ApiRefused, match="WrongState"):
            kim.ask("POST", PATH)
        south.away = False
        job = becomes(kim, path, "done")
        assert (job["error"], job["candidates"]) == (None, 1)
    waits = [entry.detail for entry in office.audit() if entry.action == "waits"]
    assert waits == ["ServiceDown: authority authority-b does not answer"]


def test_a_search_waits_for_the_probe_service_too(office: Office) -> None:
    """The other office that a search needs is named as well."""
    away = ProbesAway(office.world.probes_key, office.world.probes._templates, office.world.authorities)
    with office.open(dataclasses.replace(office.parts, probes=away)):
        office.fill()
        kim = office.approved()
        path = asked(kim)
        assert becomes(kim, path, "waiting")["error"]["message"] == "the probe service does not answer"
        away.away = False
        becomes(kim, path, "done")


def test_a_waiting_search_survives_a_restart_of_the_centre(office: Office) -> None:
    """Nobody has to ask again: the next centre takes it up, and finds the office back."""
    parts, _ = with_south_away(office)
    with office.open(parts):
        office.fill()
        kim = office.approved()
        path = asked(kim)
        becomes(kim, path, "waiting")
    with Session(office.engine) as session:
        assert session.get_one(RouteJob, path.rpartition("/")[2]).state == "waiting"
    with office.open():
        assert becomes(office.as_("kim"), path, "done")["candidates"] == 1


def test_a_withdrawal_ends_a_waiting_search_at_once(office: Office) -> None:
    """It does not sit out its pause, and never asks an authority again."""
    parts, south = with_south_away(office)
    with office.open(parts):
        kim = office.approved()
        path = asked(kim)
        becomes(kim, path, "waiting")
        kim.ask("POST", f"/cases/{CASE}/withdraw")
        job = becomes(kim, path, "stopped")
        assert job["error"]["error"] == "CaseEnded"
        before, south.away = south.asked, False
        office.centre.upkeep()
        assert south.asked == before


def test_a_search_stops_by_itself_once_its_case_has_ended(office: Office) -> None:
    """Who ended the case may be another program, or not have come to stop the search yet: it says why all the same."""
    parts, _ = with_south_away(office)
    with office.open(parts):
        kim = office.approved()
        path = asked(kim)
        becomes(kim, path, "waiting")
        with writing(office.engine) as session:
            session.get_one(Case, CASE).state = State.WITHDRAWN
            session.commit()
        assert becomes(kim, path, "stopped")["error"]["error"] == "CaseEnded"


def test_a_tracer_stops_a_search_and_may_start_it_again(office: Office) -> None:
    """As Ctrl-C does: the search ends, the case stays approved."""
    parts, south = with_south_away(office)
    with office.open(parts):
        office.fill()
        kim = office.approved()
        path = asked(kim)
        becomes(kim, path, "waiting")
        kim.ask("DELETE", path)
        assert "stopped by its tracer" in becomes(kim, path, "stopped")["error"]["message"]
        south.away = False
        assert becomes(kim, asked(kim), "done")["candidates"] == 1
        kim.ask("DELETE", path)
        assert kim.ask("GET", path)["state"] == "stopped"
    assert [entry.action for entry in office.audit()].count("stopped search") == 2


def test_a_waiting_search_ends_with_its_approval(office: Office) -> None:
    """When the approval runs out before the office is back, the search says so and ends."""
    parts, _ = with_south_away(office)
    with office.open(parts):
        kim = office.approved()
        path = asked(kim)
        becomes(kim, path, "waiting")
        office.world.clock.advance(timedelta(days=2, seconds=1))
        wait_until(lambda: kim.ask("GET", path)["state"] not in ("waiting", "running"), "the end", 30)
        job = kim.ask("GET", path)
        assert job["state"] in ("failed", "stopped")
        assert job["error"]["error"] in ("ReleaseRefused", "CaseEnded")


def test_two_authorities_that_disagree_fail_the_search_by_name(office: Office) -> None:
    """One that was told of an end and one that was not: the job names who refused, and why; it does not wait."""
    office.world.authorities[1].withdraw(CASE)
    with office.open():
        office.fill()
        kim = office.approved()
        job = office.searched(kim)
        assert job["state"] == "failed"
        assert "authority authority-b: " in job["error"]["message"]
        assert "withdrawn" in job["error"]["message"]
    refused = [entry.detail for entry in office.audit() if entry.action == "refused"]
    assert any("authority-b" in detail for detail in refused)


def test_days_without_a_secret_are_told_and_not_dropped(office: Office) -> None:
    """The window reaches back to a day of which one authority destroyed its secret: the job names day and authority."""
    day = NOW.date() - timedelta(days=1)
    with office.open():
        office.fill()
        kim = office.approved()
        job = office.searched(kim)
        assert job["state"] == "done"
        assert set(job["not_covered"]) == {day.isoformat()}
        assert "authority-b" in job["not_covered"][day.isoformat()]
        assert kim.ask("GET", f"{PATH}/{job['job']}")["not_covered"] == job["not_covered"]


def test_what_the_workers_machine_would_not_give_is_shown_and_logged(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where libseccomp is missing the search goes on behind the other protections, and an operator sees it."""
    without = office.folder / "without"
    without.mkdir()
    (without / "pyseccomp.py").write_text("raise RuntimeError('Unable to find libseccomp')")
    monkeypatch.syspath_prepend(without)
    with office.open():
        office.fill()
        job = office.searched(office.approved())
    assert job["state"] == "done"
    assert "system calls filtered" in job["lacking"]
    assert list(entries(office, "worker less protected")) == [", ".join(job["lacking"])]


def test_that_only_the_nearest_had_room_is_told(office: Office) -> None:
    """Two sightings are near and one may be answered: the job says how far was looked, and forgets it with the case."""
    faces = some_faces(2)
    faces[1] = faces[0] + 0.5 * faces[1]
    assert office.store.add([read_batch(office.world.batch(faces))], NOW) == [None]
    for most, narrowed in ((2, False), (1, True)):
        with office.open(dataclasses.replace(office.parts, most=most)):
            kim = office.approved() if most == 2 else office.as_("kim")
            job = office.searched(kim)
            assert (job["state"], job["candidates"]) == ("done", most)
            assert set(job["narrowed"]) == ({"face"} if narrowed else set())
            if narrowed:
                kim.ask("POST", f"/cases/{CASE}/withdraw")
                with Session(office.engine) as session:
                    assert {row.narrowed for row in session.exec(select(RouteJob))} == {"{}"}


def entries(office: Office, action: str) -> Iterator[str]:
    return (entry.detail for entry in office.audit() if entry.action == action)


def test_a_release_is_in_the_log_with_its_counts(office: Office) -> None:
    """Who released, for how many cell-hours, through how many batches; and nothing of the patient."""
    with office.open():
        office.fill()
        office.searched(office.approved())
    (detail,) = entries(office, "released")
    assert detail == "by authority-a, authority-b; 13 cell-hours, 1 batches searched"
