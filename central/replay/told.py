"""A scenario's testimonies: held against the route that was found, and against what really happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from central.replay.scenario import Patient, Scenario
from central.routes.route import Route, Visit
from central.search.candidates import Candidate
from central.testimony.comparison import Comparison, Looked, Stated, Verdict, compare
from shared.clock import from_unix
from shared.epochs import Epoch, Modality
from shared.face_mask import FaceMask
from shared.sightings import sighting_id

_SAID = (Verdict.CONFIRMED, Verdict.CONTRADICTED)  # what a verdict may be wrong with


def stated(patient: Patient) -> list[Stated]:
    """The statements, named by their order from 1."""
    told = enumerate(patient.testimony, 1)
    return [Stated(str(at), one.start, one.end, one.latitude, one.longitude) for at, one in told]


def told_rows(scenario: Scenario, patient: Patient, found: Comparison) -> list[dict[str, Any]]:
    """One entry a statement: the verdict, what backs it, and what it would be if every true sighting were known."""
    cameras = {place.camera: place for place in scenario.cameras}
    truth = compare(stated(patient), true_route(scenario, patient), cameras, _everywhere).stays
    return [
        {
            "start": one.stated.start.isoformat(),
            "end": one.stated.end.isoformat(),
            "verdict": one.verdict.value,
            "why": one.why.value if one.why else "",
            "confidence": one.confidence,
            "cameras": len(one.coverage.cameras),
            "hours": one.coverage.hours,
            "searched": one.coverage.searched,
            "sent": one.coverage.sent,
            "true_verdict": real.verdict.value,
        }
        for one, real in zip(found.stays, truth, strict=True)
    ]


def told_totals(rows: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How many of each verdict, and how many confirmed or contradicted what all true sightings would not."""
    count = Counter(row["verdict"] for row in rows)
    wrong = sum(row["verdict"] in _SAID and row["verdict"] != row["true_verdict"] for row in rows)
    return {"stays": len(rows), **{one.value: count[one.value] for one in Verdict}, "wrong": wrong}


def true_route(scenario: Scenario, patient: Patient) -> Route:
    """The patient's own sightings as a route that misses none and doubts none."""
    rows = sorted(patient.truth, key=lambda row: (scenario.sightings.start[row], row))
    return Route(patient.window, tuple(_visit(scenario, row) for row in rows))


def _visit(scenario: Scenario, row: int) -> Visit:
    seen, place = scenario.sightings, scenario.cameras[int(scenario.sightings.camera[row])]
    start, end = from_unix(float(seen.start[row])), from_unix(float(seen.end[row]))
    candidate = Candidate(
        sighting=sighting_id("truth", 1, row), node="truth", camera=place.camera, start=start, end=end,
        modality=Modality.FACE, distance=0, bits=1024, mask=FaceMask(int(seen.mask[row])), quality=1.0,
        east_m=None, north_m=None, epoch=Epoch.at(place.cell, start),
    )  # fmt: skip
    return Visit(candidate, 1.0, place)


def _everywhere(_cell: str, _hour: int) -> Looked:
    return Looked.SENT
