"""A public recording of a real street, all the way to the centre. People with photographed faces: test_walk_past.py."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge.calibrate.tracking import calibrate_tracking
from edge.model_vision import ModelVision
from tests.system.offices import Offices
from tests.system.site import Site
from tests.system.test_box_command import running, settings_for
from tests.system.test_resilience import this_hour

DATA = Path(__file__).parents[3] / "shared" / "data"


def needs(path: Path) -> Path:
    """The public test data beside the checkout; required where CI runs."""
    if not path.exists():
        assert os.environ.get("CI") != "true", f"{path} is missing"
        pytest.skip(f"{path} is not here")
    return path


@pytest.mark.slow
def test_people_in_the_street_arrive_at_the_centre_once(site: Site) -> None:
    """vtest.avi through `cairn-edge run`, broker and ingest: every track kept is stored once, about as many as walk."""
    settings = settings_for(site, needs(DATA / "pets_s2l1" / "vtest.avi"))
    offices = Offices(site)
    offices.grant(this_hour())
    offices.start_ingest()
    try:
        with running(settings, "--json", "--wait-for-acks", "240") as box:
            said, complaint = box.communicate(timeout=280)
    finally:
        offices.kill_ingest()
    assert box.returncode == 0, complaint
    stored = offices.stored()
    assert set(stored.values()) == {1}
    assert f'"kept": {len(stored)}' in said
    assert 15 <= len(stored) <= 40


@pytest.mark.slow
def test_people_in_the_street_are_followed_as_the_truth_says() -> None:
    """PETS S2.L1, frames 0–299, against boxes and identities drawn by hand: the goals of the figures."""
    folder = needs(DATA / "pets_s2l1")
    truth = folder / "PETS2009-S2L1_frames0-299.xml"
    figures = calibrate_tracking(folder / "vtest.avi", truth, ModelVision.load())
    assert figures.recall >= 0.90
    assert figures.precision >= 0.95
    assert figures.idf1 >= 0.85
    assert figures.mota >= 0.80
