"""A route and its contacts as plain tables: each time both local, with its offset, and in UTC."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from central.exports.files import Cell, Table
from central.exports.material import Material
from central.routes.camera_graph import CameraPlace

_TIMES: Final = ("start_local", "end_local", "zone", "start_utc", "end_utc", "minutes")
_PLACE: Final = ("camera", "latitude", "longitude", "indoor")
ROUTE_COLUMNS: Final = ("kind", "visit", *_TIMES, *_PLACE, "mask", "found_by", "confidence", "way_m", "way_by")
CONTACT_COLUMNS: Final = (
    "pseudonym", "preset", "counts", *_TIMES, "counted_minutes", "least_minutes", "most_minutes",
    "unknown_mask_minutes", "nearest_m", "in_doubt", "in_doubt_by", "perhaps_same_as", "confidence", "exposures",
)  # fmt: skip
EXPOSURE_COLUMNS: Final = ("pseudonym", *_TIMES, *_PLACE, "min_distance_m", "distance_error_m", "patient_mask",
                           "other_mask", "confidence")  # fmt: skip
_NOTHING: Final = ("", "", None, None, "")


def plain_csv(material: Material) -> tuple[Table, ...]:
    return (
        Table("route.csv", ROUTE_COLUMNS, list(_route(material))),
        Table("contacts.csv", CONTACT_COLUMNS, list(_contacts(material))),
        Table("exposures.csv", EXPOSURE_COLUMNS, list(_exposures(material))),
    )


def _route(material: Material) -> Iterator[tuple[Cell, ...]]:
    """Visits, the ways from each to the next, gaps and stays, in order of time."""
    route, rows = material.route, list[tuple[datetime, int, int, tuple[Cell, ...]]]()
    nowhere: tuple[Cell, ...] = ("", None, None, None)
    for i, visit in enumerate(route.visits):
        seen, times = visit.candidate, _times(material, visit.start, visit.end)
        found = (seen.mask.label, seen.modality.value, round(visit.confidence, 3), None, "")
        rows.append((visit.start, 1, i, ("visit", i + 1, *times, *_where(visit.place), *found)))
    for leg in route.legs:
        way, times = ("", "", None, round(leg.metres), leg.mode), _times(material, leg.start, leg.end)
        rows.append((leg.start, 2, leg.first, ("way", leg.first + 1, *times, *nowhere, *way)))
    for gap in route.gaps:
        times = _times(material, gap.start, gap.end)
        rows.append((gap.start, 3, gap.after, ("gap", gap.after + 1 or None, *times, *nowhere, *_NOTHING)))
    for stay in route.stays:
        times = _times(material, stay.start, stay.end)
        rows.append((stay.start, 0, stay.first, ("stay", stay.first + 1, *times, *_where(stay.place), *_NOTHING)))
    yield from (row for *_, row in sorted(rows, key=lambda one: one[:3]))


def _contacts(material: Material) -> Iterator[tuple[Cell, ...]]:
    """Those who count, then those who do not as measured and may in truth."""
    for one in (*material.contacts, *material.possible):
        times = _times(material, one.start, one.end)
        minutes = (one.minutes, one.least_minutes, one.most_minutes, one.unknown_minutes)
        doubt = (one.uncertain, " ".join(one.because), " ".join(one.perhaps), round(one.confidence, 3))
        counted = (*(round(some, 1) for some in minutes), one.nearest_m, *doubt)
        yield one.pseudonym, one.preset, one.counts, *times, *counted, len(one.exposures)


def _exposures(material: Material) -> Iterator[tuple[Cell, ...]]:
    for contact, one in material.met():
        near = (one.min_distance_m, one.distance_error_m, one.patient_mask.label, one.other_mask.label)
        yield (
            contact.pseudonym,
            *_times(material, one.start, one.end),
            *_where(one.place),
            *near,
            round(one.confidence, 3),
        )


def _where(place: CameraPlace) -> tuple[Cell, ...]:
    return place.camera, place.latitude, place.longitude, place.indoor


def _times(material: Material, start: datetime, end: datetime) -> tuple[Cell, ...]:
    local, utc = ([say(at) for at in (start, end)] for say in (material.local, material.utc))
    return *local, material.zone.key, *utc, round((end - start).total_seconds() / 60, 1)
