"""The comparison of route and truth notices whatever differs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.demo.asking import asked, was_the_patient
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


def question(at: int, **changes: Any) -> dict[str, Any]:
    """What the route would ask about the patient's passage `at` of the day."""
    one = [passage for passage in truth(HOUR) if passage.person == PATIENT][at]
    times = {"start": one.start.isoformat(), "end": one.end.isoformat()}
    return {"sighting": "box/1/7", "camera": one.camera, "mask": "worn" if one.masked else "absent", **times} | changes


def test_the_patient_answers_by_place_time_and_mask() -> None:
    """Yes where they were; no at another camera, at another time, or with a face that was covered otherwise."""
    assert was_the_patient(question(3), HOUR)
    assert was_the_patient(question(3, mask="unknown"), HOUR)
    assert not was_the_patient(question(3, camera="quarter-park"), HOUR)
    assert not was_the_patient(question(3, mask="absent"), HOUR)
    assert not was_the_patient(question(3, start=HOUR.isoformat(), end=HOUR.isoformat()), HOUR)


def test_every_question_is_answered_once_and_counted() -> None:
    """Each answer is handed on under the sighting's name, and told in a line."""
    said: list[tuple[str, bool]] = []

    def say(sighting: str, patient: bool) -> None:
        said.append((sighting, patient))

    asks = replace(perfect(), questions=(question(3), question(3, sighting="box/1/8", mask="absent")))
    assert asked(asks, HOUR, say) == "asked the patient about 2 sightings: 1 yes, 1 no"
    assert said == [("box/1/7", True), ("box/1/8", False)]
    assert asked(replace(asks, questions=(question(3),)), HOUR, say) == "asked the patient about 1 sighting: yes"
