"""The walking network of a centre: loaded once, and what to know where a camera has no ways."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Engine
from sqlmodel import Session

from central.routes.service import places_of
from central.settings import CentreSettings
from central.walking.ways import ATTRIBUTION, Fit, Ways
from central.walking.ways_file import read_ways
from shared.cells import Placed

log = logging.getLogger(__name__)

_NAMED: Final = 5  # cameras in a line of the log
_BUILD: Final = "build it again with: cairn-central walking build"


def ways_of(settings: CentreSettings, engine: Engine) -> Ways | None:
    """What the settings name, if anything; the log tells of cameras that it does not fit. Raises BadWays."""
    if settings.walking is None:
        return None
    ways = read_ways(settings.walking)
    with Session(engine) as session:
        fit = ways.fit(places_of(session))
    log.info("ways on foot for %d cameras, of %s (%s)", len(fit.known), ways.source.name, ATTRIBUTION)
    for note in noted(fit):
        log.warning("%s", note)
    return ways


def noted(fit: Fit) -> list[str]:
    """A sentence for each reason why cameras have no ways on foot."""
    reasons = (
        (fit.unknown, f"not in the walking network's file: {_BUILD}"),
        (fit.moved, f"moved since the walking network's file was built: {_BUILD}"),
        (fit.far, "far from any way on foot that the map knows: nothing to do, unless they are entered wrongly"),
    )
    return [
        f"{len(names)} camera{'s' * (len(names) > 1)} by the straight line, {why} ({_some(names)})"
        for names, why in reasons
        if names
    ]


def described(ways: Ways, places: Iterable[Placed] | None = None) -> dict[str, Any]:
    """Plain values: where it is from, how large it is, and how it fits the cameras if they are given."""
    told: dict[str, Any] = {
        "source": ways.source.name,
        "map_of": _day(ways.source.dated),
        "read_at": ways.source.read_at,
        "licence": ATTRIBUTION,
        "reach_m": ways.reach_m,
        "cameras": len(ways.names),
        "near_a_way": int(ways.near_way.sum()),
        "pairs": len(ways.metres),
    }
    if places is None:
        return told
    fit = ways.fit(places)
    return told | {"known": len(fit.known), "unknown": fit.unknown, "moved": fit.moved, "far_from_ways": fit.far}


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")


def _day(moment: datetime | None) -> str:
    return moment.date().isoformat() if moment else ""
