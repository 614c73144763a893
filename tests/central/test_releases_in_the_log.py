"""Every release of keys is in the centre's log, whatever became of the search, and so is who was refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any, cast

import pytest

from central.authority.client import Releases
from central.authority.service import Authority
from shared.errors import ReleaseRefused
from tests.central.authority_fixtures import CASE
from tests.central.centre_fixtures import Office
from tests.central.test_app import Endless
from tests.waiting import wait_until


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path)


def told(office: Office, *actions: str) -> list[tuple[str, str]]:
    """The entries of these kinds: the kind and the words."""
    return [(entry.action, entry.detail) for entry in office.audit() if entry.action in actions]


def test_a_search_that_was_stopped_has_its_release_in_the_log(office: Office) -> None:
    """Keys were out when the patient withdrew: the log says whose."""
    with office.open(dataclasses.replace(office.parts, store=Endless(office.engine))):
        office.fill()
        kim = office.approved()
        job = kim.ask("POST", f"/cases/{CASE}/route-jobs")
        path = f"/cases/{CASE}/route-jobs/{job['job']}"
        wait_until(lambda: kim.ask("GET", path)["done"] > 0, "the search to get going")
        kim.ask("POST", f"/cases/{CASE}/withdraw")
        wait_until(lambda: kim.ask("GET", path)["state"] == "stopped", "the search to stop", 10)
        (action, words), *_ = told(office, "released")
        assert (action, words.split(";")[0]) == ("released", "by authority-a, authority-b")


class Refuses:
    """An authority that gives the centre nothing; the rest is the real one."""

    def __init__(self, real: Authority) -> None:
        self.name, self._real = real.name, real

    def release(self, *_asked: object) -> bytes:
        raise ReleaseRefused("not for this case", hint="ask this office")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def test_a_release_by_one_authority_is_in_the_log_when_the_other_refuses(office: Office) -> None:
    """What one office gave is on record beside the other's refusal."""
    first, second = office.world.authorities
    with office.open(dataclasses.replace(office.parts, authorities=[first, cast(Releases, Refuses(second))])):
        office.fill()
        kim = office.approved()
        assert office.searched(kim)["state"] == "failed"
        (_, released), (refused, words) = told(office, "released", "refused")
        assert released.split(";")[0] == "by authority-a"
        assert refused == "refused"
        assert words.startswith("ReleaseRefused: ") and words.endswith("not for this case")
