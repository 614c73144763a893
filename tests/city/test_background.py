"""The hour of other people that surrounds a demo's own cameras."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from central.routes.camera_graph import CameraPlace
from shared.batches import MAX_SIGHTINGS
from shared.epochs import Epoch
from shared.geo import haversine_m
from tests.city.background import Background, background
from tests.city.plan import CityPlan

HOUR = datetime(2026, 11, 24, 9, tzinfo=UTC)
REAL = [
    CameraPlace("door", 37.51, 127.03, False, "cell-demo"),
    CameraPlace("lobby", 37.5105, 127.031, True, "cell-demo"),
]


@pytest.fixture(scope="module")
def hour() -> Background:
    return background(CityPlan(cameras=80, people=1500, seed=4), HOUR, HOUR + timedelta(hours=1), REAL)


def test_everything_lies_within_the_hour(hour: Background) -> None:
    """Every sighting and encounter begins and ends within the hour asked for, so one epoch a cell is enough."""
    assert hour.people > 300
    for cell in hour.cells:
        for seen in cell.sightings:
            assert HOUR <= seen.start <= seen.end <= HOUR + timedelta(hours=1)
            assert Epoch.at(cell.cell, seen.start).start == HOUR
        assert all(HOUR <= met.start <= met.end <= HOUR + timedelta(hours=1) for met in cell.encounters)


def test_the_city_lies_around_the_real_cameras(hour: Background) -> None:
    """Simulated cameras surround the real ones, none hangs where a real one sees, and no name is shared."""
    away = [
        min(float(haversine_m(p.latitude, p.longitude, r.latitude, r.longitude)) for r in REAL) for p in hour.places
    ]
    assert 40 < min(away) < 400
    assert max(away) < 3000
    assert all(place.camera.startswith("sim-") and place.cell.startswith("sim-") for place in hour.places)


def test_each_cell_points_at_its_own_vectors(hour: Background) -> None:
    """Rows of faces and clothes are used once each and in order, and are unit vectors of the planned width."""
    for cell in hour.cells:
        assert [s.face for s in cell.sightings if s.face >= 0] == list(range(len(cell.faces)))
        assert [s.clothes for s in cell.sightings if s.clothes >= 0] == list(range(len(cell.clothes)))
        assert cell.faces.shape[1] == 192
        assert np.allclose(np.linalg.norm(cell.faces, axis=1), 1, atol=1e-5)
        cameras = {place.camera for place in hour.places if place.cell == cell.cell}
        assert {s.camera for s in cell.sightings} <= cameras


def test_encounters_join_two_sightings_of_one_camera(hour: Background) -> None:
    """Places in the cell's list name two sightings of the same camera that overlap in time."""
    assert sum(len(cell.encounters) for cell in hour.cells) > 50
    for cell in hour.cells:
        for met in cell.encounters:
            a, b = cell.sightings[met.a], cell.sightings[met.b]
            assert a.camera == b.camera
            assert max(a.start, b.start) <= min(a.end, b.end)


def test_a_thousand_cameras_fill_many_batches() -> None:
    """The demo's city has all its cells at work, some of them with more sightings than one batch holds."""
    made = background(CityPlan(), HOUR, HOUR + timedelta(hours=1), REAL)
    assert len(made.places) > 950
    assert made.people > 10_000
    assert max(len(cell.sightings) for cell in made.cells) > MAX_SIGHTINGS
