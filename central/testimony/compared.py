"""Hold a case's told timeline against its route, with what was searched and sent: for the API and the replay."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session

from central.batches.store import BatchStore
from central.cases.service import scope_of
from central.cases.tables import Case
from central.routes.camera_graph import CameraPlace
from central.routes.reconstruct import route_from_map
from central.routes.route import Route
from central.routes.service import camera_graph
from central.routes.store import route_of
from central.routes.tables import RouteJob
from central.routes.watching import Heard, heard_of
from central.testimony.comparison import Comparison, Looked, Stated, compare, in_reach
from central.testimony.tables import ToldVisit
from shared.releases import CaseScope


@dataclass(frozen=True, slots=True)
class Material:
    """What a comparison is made of, read at one moment; the store is asked later, when others may write again."""

    scope: CaseScope
    found_at: datetime
    not_covered: frozenset[str]
    route: Route = field(repr=False)
    places: Mapping[str, CameraPlace] = field(repr=False)
    stated: tuple[Stated, ...] = field(repr=False)


def material_of(session: Session, case: Case, told: Sequence[ToldVisit]) -> Material:
    """The route beside what was told. Raises NotFound before the first search has ended."""
    found, places = route_of(session, case.case), camera_graph(session).places
    job = session.get(RouteJob, found.job)
    not_covered = frozenset(json.loads(job.not_covered)) if job else frozenset()
    stated = tuple(stated_in(one, places) for one in told)
    return Material(
        scope_of(case), found.found_at, not_covered, route_from_map(json.loads(found.route)), places, stated
    )


def compare_told(material: Material, store: BatchStore) -> Comparison:
    """Only what had been sent when the route was found speaks of that search; what retention dropped since does not."""
    of, places = material, material.places
    heard = heard_near(of.stated, places, of.scope, store, of.not_covered, of.found_at)
    return compare(of.stated, of.route, places, looked_at(of.scope, heard))


def heard_near(
    stated: Iterable[Stated],
    places: Mapping[str, CameraPlace],
    scope: CaseScope,
    store: BatchStore,
    not_covered: Collection[str],
    before: datetime | None = None,
) -> Heard:
    """What was sent in the cells of cameras in reach of any stay, asked of the store once."""
    cells = {place.cell for one in stated for place in in_reach(one, places)}
    return heard_of(store, sorted(cells & set(scope.cells)), scope.hours, not_covered, before=before)


def looked_at(scope: CaseScope, heard: Heard) -> Callable[[str, int], Looked]:
    """What became of a cell's hour in a search of `scope`."""
    cells, hours = frozenset(scope.cells), scope.hours

    def looked(cell: str, hour: int) -> Looked:
        if cell not in cells or hour not in hours or hour in heard.unsearched:
            return Looked.NOT_SEARCHED
        return Looked.SENT if heard.boxes.get((cell, hour)) else Looked.NOT_SENT

    return looked


def stated_in(told: ToldVisit, places: Mapping[str, CameraPlace]) -> Stated:
    """Where somebody says to have been: by its own degrees, else where its camera hangs."""
    camera = places.get(told.camera or "")
    if told.latitude is None and camera is not None:
        return Stated(told.id, told.start, told.end, camera.latitude, camera.longitude)
    return Stated(told.id, told.start, told.end, told.latitude, told.longitude)
