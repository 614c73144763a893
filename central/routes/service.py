"""From an approved case to a route: search, then reconstruct. The API and the replay both go this one way."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from central.batches.store import Seen
from central.contacts.exposures import contact_to_map, exposures, judged
from central.contacts.presets import Preset
from central.nodes.service import cameras
from central.reports.map_words import Language
from central.reports.route_map import route_map_svg
from central.routes.camera_graph import CameraGraph, CameraPlace
from central.routes.hand_on import Confirmed
from central.routes.reconstruct import Route, Told, Weighed, route_from_map, route_of, weighed
from central.routes.searched import Searched
from central.routes.watching import cells_on_the_way, explained, heard_of
from central.search.candidates import counted
from central.search.case_search import HandOn, SearchAnswer, SearchParts, search_case
from central.search.job import BatchFailed, Progress
from central.walking.ways import Ways
from shared.calibration.curves import Calibration
from shared.epochs import Modality
from shared.face_mask import FaceMask
from shared.releases import CaseScope, Release

# Cases of one pass have their answers at once. More than one a core hinder each other at every step of numpy's.
_WEIGHING = threading.BoundedSemaphore(len(os.sched_getaffinity(0)))


@dataclass(frozen=True, slots=True)
class Findings:
    """A patient's route, what the search answered, the seconds that each stage took, and how sure each candidate is."""

    route: Route
    answer: SearchAnswer
    seconds: dict[str, float]
    weighed: Weighed


@dataclass(frozen=True, slots=True)
class OfCase:
    """What is remembered of a case: the key that keeps its pseudonyms the same from search to search, and what the
    tracer has said of sightings."""

    pseudonym_key: bytes | None = field(default=None, repr=False)
    told: Told = field(default_factory=Told)


def find_route(
    release: Release,
    parts: SearchParts,
    graph: CameraGraph,
    calibration: Calibration,
    tell: Callable[[Progress | BatchFailed], None],
    stop: threading.Event,
    of_case: OfCase | None = None,
) -> Findings:
    """Search what `release` allows and rebuild the way. Raises what search_case and reconstruct raise.

    With the scope appearance, clothes are handed on from sightings that the face makes sure or the tracer has
    confirmed, where a calibration says what they are worth.
    """
    known = of_case or OfCase()
    began = perf_counter()
    window = release.scope.start, release.scope.end
    seen = parts.store.seen(release.scope)
    radius = calibration.radius()

    def weigh(answer: SearchAnswer) -> Weighed:
        with _WEIGHING:
            known_of = replace(searched_of(release.scope, answer, seen), radius={**radius, **answer.radius})
            return weighed(answer.candidates, graph, window, calibration, searched=known_of, told=known.told)

    def rebuilt(answer: SearchAnswer) -> Route:
        return route_of(weigh(answer), graph, window, known.pseudonym_key)

    model, hand_on = calibration.models.get(Modality.APPEARANCE, ""), None
    if model:
        hand_on = HandOn(model, Confirmed(graph, release.scope, rebuilt, known.told.confirmed))
    answer = search_case(release, parts, tell, stop, hand_on, radius)
    searched = perf_counter()
    found = weigh(answer)
    route = route_of(found, graph, window, known.pseudonym_key)
    on_the_way, until = cells_on_the_way(route, graph), answer.until_hour
    heard = heard_of(parts.store, on_the_way, release.scope.hours, answer.not_covered, until)
    route = explained(route, graph, heard)
    seconds = {"search": searched - began, "route": perf_counter() - searched}
    return Findings(route, answer, {stage: round(took, 3) for stage, took in seconds.items()}, found)


def searched_of(scope: CaseScope, answer: SearchAnswer, seen: Seen) -> Searched:
    """How many of the scope's sightings were compared, by modality: all that show a face; by clothes all where the
    patient gave a picture, and by handed-on clothes those of neighbouring cell-hours, taken to be as busy as all.

    A mask is judged on a face. Of the other sightings some show one as well, in the share of the candidates by face.
    """
    sightings = seen.sightings
    found = counted(answer.candidates)
    unclear = found[Modality.FACE, FaceMask.UNKNOWN]
    clear = sum(n for (modality, _), n in found.items() if modality is Modality.FACE) - unclear
    faces = min(round(seen.judged * (1 + unclear / clear)), sightings) if clear else sightings
    handed_on = round(sightings * min(1.0, answer.handed_on[1] / (len(scope.cells) * len(scope.hours))))
    pictured = sightings if any(modality is Modality.APPEARANCE for modality, _ in found) else 0
    by_clothes = handed_on if answer.handed_on[0] and not answer.two_pictures else pictured
    return Searched({Modality.FACE: faces, Modality.APPEARANCE: by_clothes}, answer.two_pictures, answer.sources)


def camera_graph(session: Session, ways: Ways | None = None) -> CameraGraph:
    """The cameras that the centre knows, as places, and the walking network between them where there is one."""
    return CameraGraph(places_of(session), ways)


def places_of(session: Session) -> list[CameraPlace]:
    return [CameraPlace(c.camera, c.latitude, c.longitude, c.indoor, c.cell) for c in cameras(session)]


def contact_maps(route: Mapping[str, Any], rule: Preset) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Contacts of a stored route by one preset, and those who may be some in truth, as plain values."""
    found = judged(exposures(route_from_map(route)), rule)
    return [contact_to_map(c) for c in found if c.counts], [contact_to_map(c) for c in found if not c.counts]


def svg_of(route: Mapping[str, Any], graph: CameraGraph, case: str, language: Language, zone: ZoneInfo) -> str:
    """A stored route on a map, self-contained, in English (en) or Korean (ko)."""
    return route_map_svg(route_from_map(route), graph, title=case, language=language, tz=zone.key)
