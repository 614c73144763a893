"""A route as plain JSON values: what the API answers, the centre stores and the replay scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from enum import Enum
from typing import Any

from central.routes.camera_graph import CameraPlace
from central.routes.route import Gap, Leg, Meeting, Route, Stay, Visit, Why
from central.search.candidates import Candidate
from shared.clock import as_utc
from shared.epochs import Epoch, Modality
from shared.errors import BadInput
from shared.face_mask import FaceMask

VERSION = 1
_TIMES = ("start", "end")


def route_to_map(route: Route) -> dict[str, Any]:
    """Only values that JSON has; times are ISO 8601 in UTC, masks are words. No stranger's sighting is in it."""
    plain = _plain(asdict(route))
    for part in (*plain["stays"], *plain["gaps"]):
        part["minutes"] = round(_minutes(part), 1)
    return {"version": VERSION, **plain}


def route_from_map(value: Mapping[str, Any]) -> Route:
    """The inverse of route_to_map. Raises BadInput."""
    try:
        if value["version"] != VERSION:
            raise BadInput(f"route version {value['version']!r} is unknown", hint="search again with this software")
        start, end = (_time(text) for text in value["window"])
        return Route(
            window=(start, end),
            visits=tuple(_visit(row) for row in value["visits"]),
            stays=tuple(Stay(**_known(Stay, row) | {"place": CameraPlace(**row["place"])}) for row in value["stays"]),
            legs=tuple(Leg(**_known(Leg, row)) for row in value["legs"]),
            gaps=tuple(_gap(row) for row in value["gaps"]),
            unplaced=int(value["unplaced"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput("a stored route is malformed", hint="search again") from error


def _visit(row: Mapping[str, Any]) -> Visit:
    return Visit(
        candidate=_candidate(row["candidate"]),
        confidence=float(row["confidence"]),
        place=CameraPlace(**row["place"]),
        met=tuple(_meeting(one) for one in row["met"]),
    )


def _gap(row: Mapping[str, Any]) -> Gap:
    """Routes that were kept before gaps had a reason have none."""
    known = _known(Gap, {"why": Why.UNSEEN, "cameras": 0, "dark": 0, **row})
    return Gap(**known | {"why": Why(known["why"])})


def _meeting(row: Mapping[str, Any]) -> Meeting:
    near = row["near_s"]
    return Meeting(**_known(Meeting, row) | {"near_s": None if near is None else tuple(near)})


def _candidate(row: Mapping[str, Any]) -> Candidate:
    others = {"modality": Modality(row["modality"]), "epoch": Epoch(**row["epoch"]), "partners": ()}
    return Candidate(**_known(Candidate, row) | others)


def _known(kind: type, row: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a dataclass, with times and masks made from their words."""
    values = {field.name: row[field.name] for field in fields(kind)}
    times = {name: _time(values[name]) for name in _TIMES if name in values}
    masks = {"mask": FaceMask.from_label(values["mask"])} if "mask" in values else {}
    return values | times | masks


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return as_utc(value).isoformat()
    if isinstance(value, FaceMask):
        return value.label
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {name: _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _minutes(part: Mapping[str, Any]) -> float:
    return (_time(part["end"]) - _time(part["start"])).total_seconds() / 60


def _time(text: str) -> datetime:
    return as_utc(datetime.fromisoformat(text))
