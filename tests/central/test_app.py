"""The API over its whole life of a case, with real authorities, a real probe service and a real search worker."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from central.cases.client import ApiRefused
from tests.central.authority_fixtures import CASE
from tests.central.centre_fixtures import Office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Office(tmp_path).open() as opened:
        yield opened


def test_a_case_from_its_opening_to_its_withdrawal(office: Office) -> None:
    """Opened, consented, registered; refused to its opener, approved by another, searched, read, and withdrawn."""
    office.fill()
    kim = office.opened()
    with pytest.raises(ApiRefused, match="ReleaseRefused") as refusal:
        kim.approve(kim.scope_to_sign(CASE), office.keys["kim"])
    assert refusal.value.status == 403
    lee = office.as_("lee")
    assert lee.approve(lee.scope_to_sign(CASE), office.keys["lee"])["state"] == "approved"
    job = office.searched(kim)
    assert (job["state"], job["error"], job["done"], job["failed"]) == ("done", None, 1, 0)
    route = kim.ask("GET", f"/cases/{CASE}/route")["route"]
    assert [visit["candidate"]["camera"] for visit in route["visits"]] == ["door"]
    assert kim.ask("GET", f"/cases/{CASE}/contacts")["contacts"] == []
    assert kim.ask("GET", f"/cases/{CASE}/route/map.svg").startswith("<svg")
    assert kim.ask("POST", f"/cases/{CASE}/withdraw") == {"case": CASE, "state": "withdrawn", "untold": []}
    with pytest.raises(ApiRefused, match="CaseEnded"):
        kim.ask("POST", f"/cases/{CASE}/route-jobs")
    with pytest.raises(ApiRefused, match="CaseEnded"):
        kim.ask("GET", f"/cases/{CASE}/route")
    assert list((office.folder / "templates").iterdir()) == []
