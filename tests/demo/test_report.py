"""The comparison of route and truth notices whatever differs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.demo.report import close, compare, table
from tests.demo.script import FRIEND, PATIENT, truth
from tests.demo.tracing import PRESETS, Found

HOUR = datetime(2026, 11, 25, 3, tzinfo=UTC)


def perfect() -> Found:
    """What the centre would answer if it knew everything."""
    passages = [passage for passage in truth(HOUR) if passage.person == PATIENT]
    visits: list[dict[str, Any]] = [
        {
            "candidate": {
                "camera": one.camera,
                "start": one.start.isoformat(),
                "end": one.end.isoformat(),
                "mask": "worn" if one.masked else "absent",
            },
            "confidence": 1.0,
        }
        for one in passages
    ]
    contacts = {name: [contact_at(camera) for camera, _ in close(name)] for name in PRESETS}
    return Found({}, {"visits": visits}, contacts)


def contact_at(camera: str) -> dict[str, Any]:
    return {"pseudonym": "A", "minutes": 16.0, "nearest_m": 1.1, "exposures": [{"camera": camera, "minutes": 16.0}]}


def test_the_truth_equals_itself() -> None:
    """Nothing is wrong with a route that is what happened, and the table shows it."""
    comparison = compare(perfect(), HOUR)
    assert comparison.faults == []
    assert "missed" not in table(comparison)


def test_the_friend_in_the_cafe_is_the_only_contact() -> None:
    """By minutes and metres of the script: KDCA and CDC count the friend, who is too far away for WHO."""
    assert [close(name) for name in PRESETS] == [[("quarter-cafe", FRIEND)], [("quarter-cafe", FRIEND)], []]


FAULTS: dict[str, Callable[[Found], object]] = {
    "misses": lambda found: found.route["visits"].pop(1),
    "face mask": lambda found: found.route["visits"][0]["candidate"].update(mask="worn"),
    "never at": lambda found: found.route["visits"].append(
        {"candidate": dict(found.route["visits"][0]["candidate"], camera="quarter-park"), "confidence": 0.9}
    ),
    "contacts at": lambda found: found.contacts["cdc-2020-10"].clear(),
    "really at": lambda found: found.contacts["cdc-2020-10"][0]["exposures"][0].update(camera="quarter-park"),
    "wrong order": lambda found: found.route["visits"].reverse(),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_difference_is_named(fault: str) -> None:
    """A missed place, a wrong mask, an invented visit, a contact too few or elsewhere, a wrong order."""
    found = perfect()
    FAULTS[fault](found)
    assert any(fault in words for words in compare(found, HOUR).faults)
