"""A walk as a scenario folder has it: the truth of one person in it, with how each sighting was made."""

from __future__ import annotations

from central.replay.scenario import Patient, Scenario
from central.walk_test.passages import BadWalk, Passage
from shared.clock import from_unix
from shared.face_mask import FaceMask


def passages_of_scenario(scenario: Scenario, patient: str | None = None) -> tuple[Passage, ...]:
    """The passages that cameras reported, in order of time. Raises BadWalk when it is not clear who the tester is."""
    truth, seen = sorted(_tester(scenario, patient).truth), scenario.sightings
    found = [
        Passage(
            scenario.cameras[int(seen.camera[row])],
            from_unix(float(seen.start[row] + seen.end[row]) / 2),
            "no face" if seen.face[row] < 0 else f"mask {FaceMask(int(seen.mask[row])).label}",
        )
        for row in truth
    ]
    return tuple(sorted(found, key=lambda one: (one.at, one.place.camera)))


def _tester(scenario: Scenario, patient: str | None) -> Patient:
    named = [one for one in scenario.patients if patient in (None, one.patient)]
    if len(named) != 1:
        names = ", ".join(one.patient for one in scenario.patients[:5])
        raise BadWalk("the scenario does not say who the tester is", hint=f"give --patient, one of: {names}")
    return named[0]
