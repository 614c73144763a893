"""Contacts as a tracer sees them: over the API, on the page in both languages, and on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from central.contacts.presets import load_presets
from central.database import writing
from central.routes.reconstruct import route_from_map, route_to_map
from central.routes.route import Meeting, Visit
from central.routes.tables import FoundRoute
from shared.face_mask import FaceMask
from tests.central.authority_fixtures import CASE
from tests.central.centre_fixtures import FoundOffice, Office
from tests.central.test_pages import signed_in, text_of
from tests.central.test_presets import written

WHO = "who-2021"


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with FoundOffice(tmp_path).open() as opened:
        yield opened


def met(visit: Visit) -> tuple[Meeting, ...]:
    """Two at a table for twenty minutes, one at 13 to 17 minutes within a metre, one without a measured distance."""
    end = visit.start + timedelta(minutes=20)
    sure, near = (1200.0,) * 5, (780.0, 1020.0, 1100.0, 1200.0, 1200.0)
    return (
        Meeting("SUREAAAA", visit.start, end, 0.7, 0.1, FaceMask.ABSENT, sure),
        Meeting("NEARBBBB", visit.start, end, 0.8, 0.5, FaceMask.UNKNOWN, near),
        Meeting("ROOMCCCC", visit.start, end, None, 0.0, FaceMask.WORN),
    )


def with_contacts(office: Office) -> None:
    """A searched case, with meetings put into the route that was found."""
    office.found()
    with writing(office.engine) as session:
        row = session.get_one(FoundRoute, CASE)
        kept = json.loads(row.route)
        route = route_from_map(kept)
        first = replace(route.visits[0], met=met(route.visits[0]))
        row.route = json.dumps(kept | route_to_map(replace(route, visits=(first, *route.visits[1:]))))
        session.add(row)
        session.commit()


def page(office: Office, language: str) -> str:
    """The section of contacts as text."""
    with office.browser() as client:
        signed_in(office, client)
        whole = client.get(f"/pages/cases/{CASE}", params={"language": language}).text
    return text_of(whole[whole.index('aria-labelledby="contacts"') :])


def test_the_api_tells_contacts_those_near_the_limit_and_the_rule(office: Office) -> None:
    """Contacts apart from those who may be some, with least and most minutes; the rule with its date and source."""
    with_contacts(office)
    told: dict[str, Any] = office.as_("kim").ask("GET", f"/cases/{CASE}/contacts", params={"preset": WHO})
    assert [one["pseudonym"] for one in told["contacts"]] == ["SUREAAAA"]
    near = {one["pseudonym"]: one for one in told["near"]}
    assert set(near) == {"NEARBBBB", "ROOMCCCC"}
    assert [near["NEARBBBB"][f"{which}minutes"] for which in ("least_", "", "most_")] == [0, 13, 17]
    assert near["ROOMCCCC"]["because"] == ["no_distance"]
    assert (told["rule"]["dated"], "World Health Organization" in told["rule"]["source"]) == ("2021-02-01", True)


def test_the_page_shows_the_range_in_both_languages(office: Office) -> None:
    """Minutes from least to most, why it is unsure, both masks, the place, and whose rule it is."""
    with_contacts(office)
    english, korean = page(office, "en"), page(office, "ko")
    for told in ("0–17 min", "near the limit", "distance uncertain", "not measured", "World Health Organization"):
        assert told in english, told
    for told in ("0–17분", "기준 경계", "거리 불확실", "측정 안 됨"):
        assert told in korean, told
    assert "SUREAAAA" in english
    assert max(english.index(name) for name in ("SUREAAAA", "NEARBBBB")) < english.index("ROOMCCCC")


def test_the_command_line_shows_a_line_a_person(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    """`case contacts` says who counts, who is near the limit, from least to most minutes, and why."""
    with_contacts(office)
    office.typed("case", "contacts", CASE, "--preset", WHO)
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("SUREAAAA", "near the limit", "0-17 min", "no distance", "not measured"))


def test_a_citys_own_rule_is_asked_for_like_any_other(office: Office, tmp_path: Path) -> None:
    """A rule in the city's folder judges the same facts: ten minutes within 1.2 m, unmeasured distances counted."""
    with_contacts(office)
    (tmp_path / "rules").mkdir()
    office.centre.presets.update(load_presets(written(tmp_path / "rules")))  # type: ignore[attr-defined]
    told = office.as_("kim").ask("GET", f"/cases/{CASE}/contacts", params={"preset": "ours-2026-11"})
    assert {one["pseudonym"] for one in told["contacts"]} == {"SUREAAAA", "NEARBBBB", "ROOMCCCC"}
    assert "ours-2026-11" in page(office, "en")
