"""Hold a case's told timeline against its route, with what was searched and sent: for the API and the replay."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from functools import cache

from sqlmodel import Session

from central.batches.store import BatchStore
from central.cases.service import scope_of
from central.cases.tables import Case
from central.nodes.service import cameras
from central.nodes.tables import Camera
from central.routes.camera_graph import CameraPlace
from central.routes.reconstruct import route_from_map
from central.routes.store import route_of
from central.routes.tables import FoundRoute, RouteJob
from central.testimony.comparison import Comparison, Looked, Stated, compare
from central.testimony.tables import ToldVisit
from shared.clock import from_unix
from shared.epochs import HOUR_S
from shared.releases import CaseScope


def compare_case(
    session: Session, case: Case, told: Sequence[ToldVisit], store: BatchStore
) -> tuple[FoundRoute, Sequence[ToldVisit], Comparison]:
    """The route, what was told, and the one beside the other. Raises NotFound before the first search has ended."""
    found = route_of(session, case.case)
    job, known = session.get(RouteJob, found.job), {one.camera: one for one in cameras(session)}
    not_covered = set(json.loads(job.not_covered)) if job else set()
    places = {name: place_of(one) for name, one in known.items()}
    stated = [stated_in(one, known) for one in told]
    route = route_from_map(json.loads(found.route))
    return found, told, compare(stated, route, places, looked_at(scope_of(case), store, not_covered))


def looked_at(
    scope: CaseScope, store: BatchStore, not_covered: Collection[str] = ()
) -> Callable[[str, int], Looked]:
    """What became of a cell's hour in a search of `scope`; days `not_covered` (ISO) had no key any more."""
    cells, hours = frozenset(scope.cells), scope.hours

    @cache
    def looked(cell: str, hour: int) -> Looked:
        start = from_unix(hour * HOUR_S)
        if cell not in cells or hour not in hours or start.date().isoformat() in not_covered:
            return Looked.NOT_SEARCHED
        one = replace(scope, cells=(cell,), start=start, end=from_unix((hour + 1) * HOUR_S))
        return Looked.SENT if store.count(one) else Looked.NOT_SENT

    return looked


def place_of(camera: Camera) -> CameraPlace:
    return CameraPlace(camera.camera, camera.latitude, camera.longitude, camera.indoor, camera.cell)


def stated_in(told: ToldVisit, known: dict[str, Camera]) -> Stated:
    """Where somebody says to have been: by its own degrees, else where its camera hangs."""
    camera = known.get(told.camera or "")
    if told.latitude is None and camera is not None:
        return Stated(told.id, told.start, told.end, camera.latitude, camera.longitude)
    return Stated(told.id, told.start, told.end, told.latitude, told.longitude)
