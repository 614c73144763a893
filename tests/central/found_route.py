"""A made-up day of one patient: a walk, a café with two people near, a gap, a ride. For what reads routes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from central.database import writing
from central.routes.between import gaps, legs, stays
from central.routes.camera_graph import CameraGraph, CameraPlace
from central.routes.route import Meeting, Route, Visit
from central.routes.route_json import route_to_map
from central.routes.store import keep_route
from central.search.candidates import Candidate
from shared.epochs import Epoch, Modality
from shared.face_mask import FaceMask
from shared.sightings import REACHES_M
from tests.central.authority_fixtures import CASE, NOW
from tests.central.centre_fixtures import Office

DAY = datetime(2026, 11, 23, tzinfo=UTC)
WINDOW = (DAY, DAY + timedelta(hours=20))
PLACES = {
    place.camera: place
    for place in (
        CameraPlace("bakery-door", 37.50310, 126.76600, True, "cell-1"),
        CameraPlace("cafe", 37.50400, 126.76750, True, "cell-1"),
        CameraPlace("crossing", 37.50350, 126.76680, False, "cell-1"),
        CameraPlace("home-street", 37.50000, 126.76000, False, "cell-1"),
        CameraPlace("station", 37.48400, 126.78200, False, "cell-1"),
    )
}
GRAPH = CameraGraph(list(PLACES.values()))


def at(hour: int, minute: int = 0, second: int = 0) -> datetime:
    """A local time in Seoul on the 23rd."""
    return DAY + timedelta(hours=hour - 9, minutes=minute, seconds=second)


def meeting(who: str, start: datetime, minutes: float, metres: float, mask: FaceMask = FaceMask.ABSENT) -> Meeting:
    """All of the time at one distance, counted by the box."""
    near = tuple(60.0 * minutes if metres <= reach else 0.0 for reach in REACHES_M)
    return Meeting(who, start, start + timedelta(minutes=minutes), metres, 0.1, mask, near)


def visit(
    camera: str, start: datetime, minutes: float = 0.2, *met: Meeting, confidence: float = 0.99,
    mask: FaceMask = FaceMask.ABSENT, modality: Modality = Modality.FACE,
) -> Visit:  # fmt: skip
    seen = Candidate(
        f"node-1/1/{int(start.timestamp()) % 100000}", "node-1", camera, start, start + timedelta(minutes=minutes),
        modality, 210, 1024, mask, 0.8, 1.0, -2.0, Epoch.at("cell-1", start),
    )  # fmt: skip
    return Visit(seen, confidence, PLACES[camera], met)


def a_route(*visits: Visit) -> Route:
    """With the stays, ways and gaps that lie between these visits."""
    stayed = stays(visits, GRAPH)
    return Route(WINDOW, visits, stayed, legs(visits, stayed, GRAPH), gaps(visits, stayed, GRAPH, WINDOW))


def a_day() -> Route:
    """09:50 to 18:10 in Seoul: KQ7MXA2B sits 40 minutes at 0.8 m without a mask, ZP4T9CDE 20 minutes at 1.6 m."""
    coffee = at(10, 20)
    return a_route(
        visit("home-street", at(9, 50), mask=FaceMask.WORN),
        visit("bakery-door", at(10, 2), 6, meeting("ZP4T9CDE", at(10, 2), 3, 1.6, FaceMask.WORN), mask=FaceMask.WORN),
        visit("crossing", at(10, 12), confidence=0.7, mask=FaceMask.UNKNOWN, modality=Modality.APPEARANCE),
        visit("cafe", coffee, 45, meeting("KQ7MXA2B", coffee, 40, 0.8), meeting("ZP4T9CDE", coffee, 20, 1.6)),
        visit("station", at(17, 30), mask=FaceMask.WORN),
        visit("home-street", at(18, 10), mask=FaceMask.WORN),
    )


def keep(office: Office, route: Route | None = None, case: str = CASE) -> None:
    """As if a search had ended with this route."""
    with writing(office.engine) as session:
        keep_route(session, case, "0" * 32, route_to_map(route or a_day()), NOW)
        session.commit()


def ask(office: Office, who: str, path: str, **params: Any) -> Any:
    """The answer as it is, status and headers too."""
    headers = {"Authorization": f"Bearer {office.tokens[who]}"}
    return office.http.get(path, headers=headers, params=params)
