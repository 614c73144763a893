"""What a search leaves of itself: the route, a few questions whose answers would settle most, and what else may have
been. The candidates are not kept: they are strangers' sightings, and whoever asks again searches again."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, Final

import numpy as np

from central.routes.alternatives import Alternative, Differing, alternatives
from central.routes.camera_graph import CameraGraph, CameraPlace
from central.routes.hmm import Chain
from central.routes.questions import Question, questions
from central.routes.reconstruct import Told, Weighed, route_to_map
from central.routes.service import Findings
from central.search.candidates import Candidate

QUESTIONS: Final = 3
ALTERNATIVES: Final = 2
BESIDE: Final = ("questions", "alternatives", "heeded")  # what stands beside the route itself
# A patient is not asked for less: the share of one visit that an answer makes right in the mean. Of a route without a
# visit any answer is welcome: one sighting that is the patient's lends its sureness to all that fit it.
_WORTH_ASKING: Final = 0.05
_NEXT_TO_NONE: Final = 0.001

Row = Mapping[str, Any]


def kept_route(found: Findings, graph: CameraGraph, told: Told, most: int = QUESTIONS) -> dict[str, Any]:
    """The document that is stored: route_to_map with up to `most` questions, best first, the alternatives, and the
    words that the search heeded."""
    likely = _plausible(found.weighed)
    asked, others = _asked(found, likely, told, most), alternatives(likely, ALTERNATIVES)
    return route_to_map(found.route) | {
        "questions": [_question(one, graph.places) for one in asked],
        "alternatives": [_alternative(one, graph.places) for one in others],
        "heeded": dict.fromkeys(sorted(told.confirmed), "confirmed") | dict.fromkeys(sorted(told.rejected), "rejected"),
    }


def asked_about(found: Findings, told: Told, most: int) -> list[Question]:
    """What a stored route asks, without the rest of it."""
    return _asked(found, _plausible(found.weighed), told, most)


def unheeded(document: Mapping[str, Any], words: Mapping[str, str]) -> int:
    """How many words, by sighting, were said, changed or taken back since the search began."""
    known = document.get("heeded", {})
    return sum(known.get(sighting) != words.get(sighting) for sighting in {*known, *words})


def open_questions(document: Mapping[str, Any], answered: Collection[str]) -> list[Row]:
    """The questions of a stored route that nobody has answered since."""
    return [one for one in document.get("questions", ()) if one["sighting"] not in answered]


def set_aside(document: Mapping[str, Any]) -> list[str]:
    """Sightings that were confirmed and heeded, and are not on the route all the same: nobody can be at two places at
    once, or they are no longer among what is found."""
    visits = {visit["candidate"]["sighting"] for visit in document["visits"]}
    return [name for name, word in document.get("heeded", {}).items() if word == "confirmed" and name not in visits]


def sightings_of(document: Mapping[str, Any]) -> dict[str, Row]:
    """What a tracer was shown, by sighting: visits, questions, and what alternatives put in their place."""
    visits: Iterator[Row] = (visit["candidate"] for visit in document["visits"])
    others: Sequence[Row] = [one for each in document.get("alternatives", ()) for one in each["instead"]]
    return {one["sighting"]: one for one in (*visits, *document.get("questions", ()), *others)}


def _asked(found: Findings, likely: Weighed, told: Told, most: int) -> list[Question]:
    least = _WORTH_ASKING if found.route.visits else 0.0
    return [one for one in questions(likely, most, told.confirmed | told.rejected) if one.value >= least]


def _plausible(found: Weighed) -> Weighed:
    """Without what is on next to no path: it changes no question and no alternative, and drawing paths through a
    thousand such candidates would take longer than weighing them."""
    rows: list[int] = np.flatnonzero(found.confidence >= _NEXT_TO_NONE).tolist()
    chain, seen = found.chain, found.seen
    steps = [chain.steps[j][rows[:at]] for at, j in enumerate(rows)]
    left = Chain(chain.initial[rows], steps, chain.emission[..., rows], chain.final[rows], chain.empty)
    some = replace(
        seen, parts=tuple(seen.parts[j] for j in rows), camera=seen.camera[rows], start=seen.start[rows],
        end=seen.end[rows], spot=seen.spot[rows], spot_sd_m=seen.spot_sd_m[rows],
    )  # fmt: skip
    return Weighed(some, found.confidence[rows], [found.ways[j][rows[:at]] for at, j in enumerate(rows)], left)


def _question(one: Question, places: Mapping[str, CameraPlace]) -> dict[str, Any]:
    return _seen(one.candidate, places) | {"confidence": one.confidence, "value": round(one.value, 3)}


def _alternative(one: Alternative, places: Mapping[str, CameraPlace]) -> dict[str, Any]:
    def rows(some: Sequence[Differing]) -> list[dict[str, Any]]:
        return [_seen(each.candidate, places) | {"confidence": each.confidence} for each in some]

    return {"probability": one.probability, "without": rows(one.without), "instead": rows(one.instead)}


def _seen(one: Candidate, places: Mapping[str, CameraPlace]) -> dict[str, Any]:
    times = {"start": one.start.isoformat(), "end": one.end.isoformat()}
    place = asdict(places[one.camera])
    return {"sighting": one.sighting, "camera": one.camera, **times, "mask": one.mask.label, "place": place}
