"""A route and its contacts on a map, as GeoJSON (RFC 7946): longitude first, WGS 84, no other reference system.

Visits, stays and exposures are points where the camera hangs; ways and gaps between two places are lines. What has no
place, such as the time before the first visit, is a feature without a geometry (section 3.2).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from central.exports.files import Download
from central.exports.material import Material
from central.routes.camera_graph import CameraPlace

MEDIA_TYPE: Final = "application/geo+json"
_DIGITS: Final = 6  # about 0.1 m; more would claim what no camera's entry holds
Feature = dict[str, Any]


def geojson(material: Material, note: str) -> Download:
    features = [*_visits(material), *_ways(material), *_stays(material), *_exposures(material)]
    of, places = material.of, [visit.place for visit in material.route.visits]
    whole: dict[str, Any] = {"type": "FeatureCollection", "features": features}
    if places:
        whole["bbox"] = _box(places)
    made, found = (material.utc(at) for at in (material.made_at, material.found_at))
    whole["cairn"] = {
        "case": of.case, "purpose": of.purpose, "preset": material.preset, "zone": material.zone.key,
        "made_at": made, "found_at": found, "note": note,
    }  # fmt: skip
    return Download(f"{of.case}.geojson", MEDIA_TYPE, json.dumps(whole, ensure_ascii=False, indent=1).encode() + b"\n")


def _visits(material: Material) -> Iterator[Feature]:
    for i, visit in enumerate(material.route.visits):
        seen = visit.candidate
        about = {"visit": i + 1, "camera": visit.place.camera, "indoor": visit.place.indoor, "mask": seen.mask.label,
                 "found_by": seen.modality.value, "confidence": round(visit.confidence, 3)}  # fmt: skip
        yield _feature("visit", material, visit.start, visit.end, _point(visit.place), about)


def _ways(material: Material) -> Iterator[Feature]:
    route = material.route
    for leg in route.legs:
        line = _line(material, leg.first)
        about = {"from_visit": leg.first + 1, "metres": round(leg.metres), "by": leg.mode}
        yield _feature("way", material, leg.start, leg.end, line, about)
    for gap in route.gaps:
        about = {"after_visit": gap.after + 1, "minutes": round(gap.minutes, 1), "not_seen": True}
        yield _feature("gap", material, gap.start, gap.end, _line(material, gap.after), about)


def _stays(material: Material) -> Iterator[Feature]:
    for stay in material.route.stays:
        about = {"camera": stay.place.camera, "minutes": round(stay.minutes, 1)}
        yield _feature("stay", material, stay.start, stay.end, _point(stay.place), about)


def _exposures(material: Material) -> Iterator[Feature]:
    for contact, one in material.met():
        about = {"pseudonym": contact.pseudonym, "camera": one.place.camera, "minutes": round(one.minutes, 1),
                 "min_distance_m": one.min_distance_m, "distance_error_m": one.distance_error_m,
                 "patient_mask": one.patient_mask.label, "other_mask": one.other_mask.label}  # fmt: skip
        yield _feature("exposure", material, one.start, one.end, _point(one.place), about)


def _feature(
    kind: str, material: Material, start: datetime, end: datetime, geometry: Feature | None, about: dict[str, Any]
) -> Feature:
    utc = {name: material.utc(at) for name, at in (("start", start), ("end", end))}
    local = {f"{name}_local": material.local(at) for name, at in (("start", start), ("end", end))}
    return {"type": "Feature", "geometry": geometry, "properties": {"kind": kind, **utc, **local, **about}}


def _point(place: CameraPlace) -> Feature:
    return {"type": "Point", "coordinates": _position(place)}


def _line(material: Material, first: int) -> Feature | None:
    """From a visit to the one after; None where there is no such pair, or both are at one place."""
    visits = material.route.visits
    if not 0 <= first < len(visits) - 1:
        return None
    ends = [_position(visit.place) for visit in visits[first : first + 2]]
    return {"type": "LineString", "coordinates": ends} if ends[0] != ends[1] else None


def _position(place: CameraPlace) -> list[float]:
    return [round(place.longitude, _DIGITS), round(place.latitude, _DIGITS)]


def _box(places: Iterable[CameraPlace]) -> list[float]:
    """West, south, east, north."""
    east, north = zip(*map(_position, places), strict=True)
    return [min(east), min(north), max(east), max(north)]
