"""From an approved case to a route: search, then reconstruct. The API and the replay both go this one way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from sqlmodel import Session

from central.contacts.exposures import contact_to_map, contacts, exposures
from central.nodes.service import cameras
from central.reports.map_words import Language
from central.reports.route_map import route_map_svg
from central.routes.camera_graph import CameraGraph, CameraPlace
from central.routes.likelihood import Calibration
from central.routes.reconstruct import Route, reconstruct, route_from_map
from central.search.case_search import SearchAnswer, SearchParts, search_case
from central.search.job import BatchFailed, Progress
from shared.releases import Release


@dataclass(frozen=True, slots=True)
class Findings:
    """A patient's route, what the search answered, and the seconds that each stage took."""

    route: Route
    answer: SearchAnswer
    seconds: dict[str, float]


def find_route(
    release: Release,
    parts: SearchParts,
    graph: CameraGraph,
    calibration: Calibration,
    tell: Callable[[Progress | BatchFailed], None],
    stop: threading.Event,
    *,
    pseudonym_key: bytes | None = None,
) -> Findings:
    """Search what `release` allows and rebuild the way. Raises what search_case and reconstruct raise.

    `pseudonym_key` keeps the pseudonyms of one case the same from search to search.
    """
    began = perf_counter()
    answer = search_case(release, parts, tell, stop)
    searched = perf_counter()
    window = (release.scope.start, release.scope.end)
    compared = parts.store.sightings(release.scope)
    route = reconstruct(answer.candidates, graph, window, calibration, searched=compared, pseudonym_key=pseudonym_key)
    seconds = {"search": searched - began, "route": perf_counter() - searched}
    return Findings(route, answer, {stage: round(took, 3) for stage, took in seconds.items()})


def camera_graph(session: Session) -> CameraGraph:
    """The cameras that the centre knows, as places."""
    return CameraGraph([CameraPlace(c.camera, c.latitude, c.longitude, c.indoor, c.cell) for c in cameras(session)])


def contact_maps(route: Mapping[str, Any], preset: str) -> list[dict[str, Any]]:
    """Contacts of a stored route by one preset, as plain values. Raises BadInput for an unknown preset."""
    return [contact_to_map(one) for one in contacts(exposures(route_from_map(route)), preset)]


def svg_of(route: Mapping[str, Any], graph: CameraGraph, case: str, language: Language) -> str:
    """A stored route on a map, self-contained, in English (en) or Korean (ko)."""
    return route_map_svg(route_from_map(route), graph, title=case, language=language)
