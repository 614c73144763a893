"""Which patients of a scenario are searched for, and a replayed route on a map, over the way that was truly gone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from central.contacts.presets import USUAL
from central.replay.play import Answer
from central.replay.scenario import Scenario
from central.reports.map_words import Language
from central.reports.route_map import Overlay, route_map_svg
from central.routes.camera_graph import CameraGraph
from central.routes.route import Route
from shared.errors import BadInput


def drawn(scenario: Scenario, answer: Answer, language: Language = "en") -> str:
    """SVG: the route, the cameras of the true sightings in order, contacts by USUAL, and cameras that were out."""
    patient, seen = answer.patient, scenario.sightings
    true = sorted(patient.truth, key=lambda row: (seen.start[row], row))
    out = {one.camera for one in scenario.outages if one.start < patient.window[1] and one.end > patient.window[0]}
    met = [contact for contact in answer.contacts.get(USUAL, ()) if contact.counts]
    return route_map_svg(
        answer.route or Route(patient.window),
        CameraGraph(list(scenario.cameras)),
        title=f"{scenario.name}: {patient.patient}",
        truth=[scenario.cameras[seen.camera[row]].camera for row in true],
        language=language,
        overlay=Overlay(out, met, USUAL),
    )


def only(scenario: Scenario, names: Collection[str]) -> Scenario:
    """The same with some of its patients. Raises BadInput for a name that none of them has."""
    for name in names:
        check_patient(scenario, name)
    return replace(scenario, patients=tuple(one for one in scenario.patients if one.patient in names))


def check_patient(scenario: Scenario, name: str | None) -> str:
    """The name, or the first patient's where none is asked for. Raises BadInput for a name that no patient has."""
    names = [patient.patient for patient in scenario.patients]
    if not names:
        raise BadInput("the scenario has no patient", hint="leave --only and --map out")
    if name is not None and name not in names:
        raise BadInput(f"the scenario has no patient {name[:40]!r}", hint=f"name one of {', '.join(names[:12])}")
    return name or names[0]
