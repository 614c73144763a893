"""Passages: where and when a tester walks by a camera, as planned or as their own device recorded it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

import numpy as np

from central.exports.files import Table
from central.routes.camera_graph import DETOUR, MODES, CameraPlace, apart_m
from shared.clock import as_utc
from shared.errors import BadInput, CairnError
from shared.geo import haversine_m
from shared.ids import check_id

COLUMNS: Final = ("camera", "time", "latitude", "longitude", "indoor", "condition")
MOST_PASSAGES: Final = 2000
WALK_M_S: Final = MODES[0].usual_m_s
FASTEST_M_S: Final = 10.0
_CONDITION: Final = 40


class BadWalk(BadInput):
    """A plan or a track cannot be read."""


@dataclass(frozen=True, slots=True)
class Passage:
    """`condition` is the tester's own word for how they passed, such as "mask" or "hood"; it may be empty."""

    place: CameraPlace
    at: datetime
    condition: str = ""


def plan(places: Sequence[CameraPlace], start: datetime, speed_m_s: float = WALK_M_S) -> tuple[Passage, ...]:
    """Past these cameras in this order on foot, along streets. Raises BadWalk."""
    if not 0 < len(places) <= MOST_PASSAGES or not 0 < speed_m_s <= FASTEST_M_S:
        hint = f"1 to {MOST_PASSAGES} cameras, and a speed of up to {FASTEST_M_S:.0f} m/s"
        raise BadWalk("there is no such walk", hint=hint)
    found, at = [Passage(places[0], start)], start
    for before, place in pairwise(places):
        at += timedelta(seconds=round(DETOUR * apart_m(before, place) / speed_m_s))
        found.append(Passage(place, at))
    return tuple(found)


def nearest_walk(first: CameraPlace, places: Iterable[CameraPlace], count: int) -> list[CameraPlace]:
    """`count` cameras from `first`, always on to the nearest that is not passed yet: a short walk past many."""
    walk, left = [first], {place.camera: place for place in places if place.camera != first.camera}
    while left and len(walk) < count:
        names = sorted(left)
        here, others = walk[-1], [left[name] for name in names]
        away = haversine_m(
            here.latitude, here.longitude,
            np.array([one.latitude for one in others]), np.array([one.longitude for one in others]),
        )  # fmt: skip
        walk.append(left.pop(names[int(away.argmin())]))
    return walk


def plan_to_csv(passages: Iterable[Passage]) -> bytes:
    """A sheet for the tester, who may write a condition into the last column."""
    rows = [
        (one.place.camera, one.at.isoformat(timespec="seconds"), one.place.latitude, one.place.longitude,
         int(one.place.indoor), one.condition)
        for one in passages
    ]  # fmt: skip
    return Table("walk.csv", COLUMNS, rows).content()


def plan_from_csv(raw: bytes, known: Iterable[CameraPlace]) -> tuple[Passage, ...]:
    """Only the columns camera and time are needed; places are those of the centre. Raises BadWalk with the line."""
    places = {place.camera: place for place in known}
    try:
        rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadWalk("the plan is no table", hint="write one with: cairn-central walk-test plan") from error
    if not 0 < len(rows) <= MOST_PASSAGES:
        raise BadWalk(f"a plan has 1 to {MOST_PASSAGES} rows", hint="write one with: cairn-central walk-test plan")
    return tuple(_passage(row, line, places) for line, row in enumerate(rows, 2))


def _passage(row: dict[str, str | None], line: int, places: dict[str, CameraPlace]) -> Passage:
    try:
        place = places[check_id(row["camera"] or "", "camera")]
        at = datetime.fromisoformat((row["time"] or "").strip())
    except (KeyError, ValueError, CairnError):
        hint = "the columns camera and time, a camera that the centre knows, a time such as 2026-11-24T09:00:00+09:00"
        raise BadWalk(f"line {line} of the plan cannot be read", hint=hint) from None
    if at.tzinfo is None:
        raise BadWalk(f"the time in line {line} has no zone", hint="write it as 2026-11-24T09:00:00+09:00")
    return Passage(place, as_utc(at), (row.get("condition") or "").strip()[:_CONDITION])
