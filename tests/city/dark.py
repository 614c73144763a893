"""When cameras of a large city see nothing: one alone for a while, or a whole node with all its cell, by the hour."""

from __future__ import annotations

import numpy as np

from tests.city.cameras import Cameras
from tests.city.plan import HOUR, CityPlan
from tests.city.watching import Outages, make_outages

_HOURS = (1, 2, 3, 6)  # that a node stays dark


def all_outages(plan: CityPlan, cameras: Cameras) -> Outages:
    """Of single cameras and of whole nodes, in order of camera and start; they may overlap."""
    alone, nodes = make_outages(plan), _of_nodes(plan, cameras)
    camera, start, end = (
        np.concatenate([getattr(part, name) for part in (alone, nodes)]) for name in ("camera", "start", "end")
    )
    order = np.lexsort((end, start, camera))
    return Outages(camera[order], start[order], end[order])


def during(outages: Outages, start: float, end: float) -> Outages:
    """Those that touch a span of time."""
    rows = (outages.start < end) & (outages.end > start)
    return Outages(outages.camera[rows], outages.start[rows], outages.end[rows])


def _of_nodes(plan: CityPlan, cameras: Cameras) -> Outages:
    """Whole hours; as many begin that the planned share of all hours is dark."""
    random, hours = plan.random("node outages"), int(np.ceil(plan.seconds / HOUR))
    names, cell = np.unique([place.cell for place in cameras.places], return_inverse=True)
    begins = random.random((len(names), hours)) < plan.node_outage_share / np.mean(_HOURS)
    dark_cell, hour = np.nonzero(begins)
    last = np.minimum(hour + random.choice(_HOURS, len(hour)), hours)
    outage, camera = np.nonzero(dark_cell[:, None] == cell[None])
    start, end = hour[outage] * HOUR, np.minimum(last[outage] * HOUR, plan.seconds)
    return Outages(camera.astype(np.int64), np.asarray(start, np.float64), np.asarray(end, np.float64))
