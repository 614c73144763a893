"""The API over its whole life of a case, with real authorities, a real probe service and a real search worker."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, select

from central.authority.released import Recipient
from central.authority.service import Authority
from central.authority.statements import Destruction
from central.batches.store import Lying, SqlBatchStore
from central.cases.client import ApiRefused
from central.database import writing
from central.errors import ServiceDown
from central.retention.due import Kind
from central.routes.tables import FoundRoute, RouteJob
from tests.central.authority_fixtures import CASE, NODE
from tests.central.centre_fixtures import Office
from tests.waiting import wait_until


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


def test_a_case_from_its_opening_to_its_withdrawal(office: Office) -> None:
    """Opened, consented, registered; refused to its opener, approved by another, searched, read, and withdrawn."""
    office.fill()
    kim = office.opened()
    with pytest.raises(ApiRefused, match="ReleaseRefused") as refusal:
        office.approve("kim")
    assert refusal.value.status == 403
    assert office.approve("lee")["state"] == "approved"
    job = office.searched(kim)
    assert (job["state"], job["error"], job["done"], job["failed"]) == ("done", None, 1, 0)
    route = kim.ask("GET", f"/cases/{CASE}/route")["route"]
    assert [visit["candidate"]["camera"] for visit in route["visits"]] == ["door"]
    assert kim.ask("GET", f"/cases/{CASE}/contacts")["contacts"] == []
    assert kim.ask("GET", f"/cases/{CASE}/route/map.svg").startswith("<svg")
    ended = {"case": CASE, "state": "withdrawn", "withdrawn": ["face"], "untold": []}
    assert kim.ask("POST", f"/cases/{CASE}/withdraw") == ended
    with pytest.raises(ApiRefused, match="CaseEnded"):
        kim.ask("POST", f"/cases/{CASE}/route-jobs")
    with pytest.raises(ApiRefused, match="CaseEnded"):
        kim.ask("GET", f"/cases/{CASE}/route")
    assert list((office.folder / "templates").iterdir()) == []


def test_a_template_of_a_model_that_nobody_calibrated_is_not_searched_with(office: Office) -> None:
    """The job fails by name: what a distance means is known for one model only."""
    office.fill()
    kim = office.opened()
    kim.register(CASE, office.sealed_template(model="someones-net-3"))
    office.approve("lee")
    job = office.searched(kim)
    assert (job["state"], job["error"]["error"]) == ("failed", "CalibrationMissing")


def test_a_running_search_stops_at_once_when_the_case_is_withdrawn(tmp_path: Path) -> None:
    """The worker is killed, the job says so, no route is kept, and the template is gone."""
    office = Office(tmp_path)
    with office.open(dataclasses.replace(office.parts, store=Endless(office.engine))):
        office.fill()
        kim = office.approved()
        job = kim.ask("POST", f"/cases/{CASE}/route-jobs")
        path = f"/cases/{CASE}/route-jobs/{job['job']}"
        wait_until(lambda: kim.ask("GET", path)["done"] > 0, "the search to get going")
        with pytest.raises(ApiRefused, match="WrongState"):
            kim.ask("POST", f"/cases/{CASE}/route-jobs")
        kim.ask("POST", f"/cases/{CASE}/withdraw")
        wait_until(lambda: kim.ask("GET", path)["state"] == "stopped", "the search to stop", 10)
        assert kim.ask("GET", path)["error"]["error"] == "CaseEnded"
        with Session(office.engine) as session:
            assert session.exec(select(FoundRoute)).all() == []


class Endless(SqlBatchStore):
    """The real store, which never comes to an end."""

    def stream(self, cells: Sequence[str], hours: range) -> Iterator[Sequence[Lying]]:
        (some,) = super().stream(cells, hours)
        while True:
            yield some


class Away:
    """An authority that cannot be reached for a while; the rest is the real one."""

    def __init__(self, real: Authority) -> None:
        self.name, self.real, self.away = real.name, real, True

    def _here(self) -> Authority:
        if self.away:
            raise ServiceDown(f"authority {self.name} does not answer", hint="the case waits")
        return self.real

    def check_up(self) -> None:
        self._here()

    def withdraw(self, case: str) -> None:
        self._here().withdraw(case)

    def release(self, release_bytes: bytes, recipient: Recipient, public: bytes, *cells: Sequence[str]) -> bytes:
        return self._here().release(release_bytes, recipient, public, *cells)

    def ended(self, cases: Iterable[str]) -> list[str]:
        return self._here().ended(cases)

    def canary(self, day: date, public: bytes) -> bytes:
        return self._here().canary(day, public)

    def statements(self) -> list[Destruction]:
        return self._here().statements()

    @property
    def public(self) -> bytes:
        return self._here().public


def test_an_office_that_is_away_hears_of_the_end_when_it_is_back(tmp_path: Path) -> None:
    """The withdrawal counts at once, the case says who has not heard, and upkeep tells them later."""
    office = Office(tmp_path)
    south = Away(office.world.authorities[1])
    with office.open(dataclasses.replace(office.parts, authorities=[office.world.authorities[0], south])):
        office.fill()
        kim = office.approved()
        assert kim.ask("POST", f"/cases/{CASE}/withdraw")["untold"] == ["authority-b"]
        assert kim.show(CASE)["untold"] == ["authority-b"]
        south.away = False
        office.centre.upkeep()
        assert kim.show(CASE)["untold"] == []
        assert south.real.log_entries()[-1].action == "withdrawn"


def test_a_search_that_the_centre_did_not_finish_is_marked_and_can_be_started_again(tmp_path: Path) -> None:
    """Closing the centre interrupts a running search; the next start says so and searches anew."""
    office = Office(tmp_path)
    with office.open(dataclasses.replace(office.parts, store=Endless(office.engine))):
        office.fill()
        kim = office.approved()
        job = kim.ask("POST", f"/cases/{CASE}/route-jobs")["job"]
        wait_until(lambda: kim.ask("GET", f"/cases/{CASE}/route-jobs/{job}")["state"] == "running", "the search")
    with writing(office.engine) as session:  # as after kill -9: nobody was left to write the end down
        row = session.get_one(RouteJob, job)
        row.state = "running"
        session.add(row)
        session.commit()
    with office.open():
        kim = office.as_("kim")
        left = kim.ask("GET", f"/cases/{CASE}/route-jobs/{job}")
        assert (left["state"], left["error"]["error"]) == ("interrupted", "Interrupted")
        assert office.searched(kim)["state"] == "done"


def test_routes_are_forgotten_at_the_end_of_retention(office: Office) -> None:
    """Fourteen days after it was found, a route is gone."""
    office.fill()
    kim = office.approved()
    office.searched(kim)
    kim.ask("POST", f"/cases/{CASE}/close")
    office.world.clock.advance(timedelta(days=14, minutes=31))
    assert {one.kind for one in office.centre.retain()} == {Kind.ROUTE, Kind.BATCHES}
    with pytest.raises(ApiRefused, match="NotFound"):
        kim.ask("GET", f"/cases/{CASE}/route")


def test_batches_are_kept_until_their_hour_is_14_days_over(office: Office) -> None:
    """Just before the end of retention a batch is still there."""
    office.fill()
    office.world.clock.advance(timedelta(days=14))
    assert office.centre.retain() == []


def test_an_unknown_preset_is_refused_and_not_written_down(office: Office) -> None:
    """Contacts are derived by dated presets only, and the audit log holds no word of a caller's choosing."""
    office.fill()
    kim = office.approved()
    office.searched(kim)
    with pytest.raises(ApiRefused, match="UnknownPreset"):
        kim.ask("GET", f"/cases/{CASE}/contacts", params={"preset": "hong-gil-dong"})
    assert not any("hong" in entry.detail for entry in office.audit())
    korean, english = (
        kim.ask("GET", f"/cases/{CASE}/route/map.svg", params={"language": language}) for language in ("ko", "en")
    )
    assert korean != english


def test_boxes_are_shown_to_technicians_and_can_be_revoked(office: Office) -> None:
    """A technician sees how a box is and revokes it; an unknown box is refused by name."""
    tec = office.as_("tec")
    (box,) = tec.ask("GET", "/nodes")
    assert (box["node"], box["state"], box["revoked_at"]) == (NODE, "unknown", None)
    assert tec.ask("POST", f"/nodes/{NODE}/revoke")["revoked_at"]
    with pytest.raises(ApiRefused, match="NotFound"):
        tec.ask("POST", "/nodes/box-99/revoke")
    assert tec.ask("GET", "/cameras")[0]["camera"] == "door"


def test_two_centres_in_one_process_answer_each_for_itself(tmp_path: Path) -> None:
    """They share the table of endpoints; cases, and who is signed in, are each centre's own."""
    (tmp_path / "west").mkdir()
    (tmp_path / "east").mkdir()
    with Office(tmp_path / "west").open() as west, Office(tmp_path / "east").open() as east:
        shared = [one for one in west.app.routes if any(one is other for other in east.app.routes)]
        assert len(shared) > 10
        west.as_("kim").open(west.scope(), west.keys["kim"])
        assert [case["case"] for case in west.as_("kim").ask("GET", "/cases")] == [CASE]
        assert east.as_("kim").ask("GET", "/cases") == []
        with east.browser(headers={"Authorization": f"Bearer {west.tokens['kim']}"}) as stranger:
            assert stranger.get("/cases").status_code == 401
