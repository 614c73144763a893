"""What follows a search of the sealed city: ten routes and the contacts along them, as ten cases have them at once.

Cells lie anywhere in a city of Bucheon's density. The patients of this city are seen in many cells within an hour, so
their routes mean nothing; how many candidates are weighed against each other, and among how many cameras, is a city's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import numpy as np

from central.contacts.exposures import contacts, exposures
from central.contacts.presets import preset_names
from central.routes.camera_graph import CameraGraph, CameraPlace
from central.routes.reconstruct import reconstruct
from central.routes.searched import Searched
from central.search.candidates import Candidate
from shared.epochs import Modality
from tests.bench.sealed_city import CAMERAS, CELLS, SIGHTINGS, names
from tests.city.laws import calibration
from tests.city.plan import CityPlan

_PER_KM2, _SPREAD_M, _METRES = 123, 100.0, 111_000.0  # cameras; of a cell; of a degree


def city_graph() -> CameraGraph:
    """All cameras of the city, sixteen a cell."""
    rng, side = np.random.default_rng(1), 1000 * (CELLS * CAMERAS / _PER_KM2) ** 0.5
    places = []
    for cell in names(round(CELLS)):
        middle = rng.random(2) * side
        for camera, (x, y) in enumerate(middle + rng.normal(0, _SPREAD_M, (CAMERAS, 2))):
            places.append(CameraPlace(f"{cell}-cam-{camera:02d}", 37.5 + y / _METRES, 126.8 + x / _METRES, False, cell))
    return CameraGraph(places)


def all_routes(found: Mapping[str, Sequence[Candidate]], window: tuple[datetime, datetime]) -> int:
    """A route for each case and its contacts by every preset, as many at once as the centre weighs; how many visits
    there are."""
    graph, laws = city_graph(), calibration(CityPlan())
    searched = Searched({Modality.FACE: round(SIGHTINGS)})

    def of_case(some: Sequence[Candidate]) -> int:
        route = reconstruct(some, graph, window, laws, searched=searched, pseudonym_key=bytes(32))
        facts = exposures(route)
        for preset in preset_names():
            contacts(facts, preset)
        return len(route.visits)

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        return sum(pool.map(of_case, found.values()))
