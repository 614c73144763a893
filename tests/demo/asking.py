"""The patient of the demo, asked by their tracer: what they say of a sighting is what happened."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from tests.demo.report import overlaps
from tests.demo.script import PATIENT, truth
from tests.demo.tracing import Found

# A tracer does not ask on and on; what is doubtful after so many rounds stays so.
ROUNDS: Final = 2


def was_the_patient(question: Mapping[str, Any], hour: datetime) -> bool:
    """Were you at this place at that time, and was your face covered or not, as the camera says?"""
    mask = question["mask"]
    return any(
        overlaps(question, passage) and mask in ("unknown", "worn" if passage.masked else "absent")
        for passage in truth(hour)
        if passage.person == PATIENT
    )


def asked(found: Found, hour: datetime, say: Callable[[str, bool], None]) -> str:
    """Put each question of a route to the patient, hand the answers on, and tell how many were which."""
    answers = [was_the_patient(one, hour) for one in found.questions]
    for one, answer in zip(found.questions, answers, strict=True):
        say(one["sighting"], answer)
    yes, count = sum(answers), len(answers)
    what = "1 sighting" if count == 1 else f"{count} sightings"
    said = "yes" if yes == count == 1 else "no" if yes == 0 and count == 1 else f"{yes} yes, {count - yes} no"
    return f"asked the patient about {what}: {said}"
