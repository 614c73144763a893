"""Figures of real faces: none without photos, and what they say is what was counted."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from central.replay.score import Count
from tests.bench.real_faces import BARE, HALF, KINDS, MASKS, MOST, REAL, SHIPPED, Told, _rows, measure
from tests.bench.routes import ASKED, Score
from tests.city.photos import DATA


def test_without_photos_there_are_no_figures_and_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is measured on simulated faces in the name of real ones."""
    monkeypatch.setenv(DATA, str(tmp_path))
    said: list[str] = []
    assert measure(said.append) == []
    assert "no photos of people" in said[0]


def test_the_share_accepted_is_that_nearer_than_nearly_all_strangers() -> None:
    """Of 1,000 strangers at 0 to 999 bits one is nearer than the second, and who is as far as that is not accepted."""
    told = Told()
    told.own[False].append(np.array([0, 0, 1, 500]))
    told.others[False] += [np.arange(500, 1000), np.arange(500)]
    assert told.accepted(False) == 0.5
    assert told.accepted(True) == 0.0


def test_the_usual_quality_is_the_median_of_all_cities() -> None:
    """Three faces of one city and two of another: the middle one of five; nothing is no error."""
    told = Told()
    told.quality[True] += [np.array([0.1, 0.9, 0.8]), np.array([0.2, 0.3])]
    assert told.usual_quality(True) == 0.3
    assert told.usual_quality(False) == 0.0


def test_rows_are_those_of_real_people_with_the_others_beside() -> None:
    """Counts of all seeds are added up; each figure has the shipped calibration's and the simulation's beside it."""
    told = {kind: Told() for kind in KINDS}
    for kind, right in zip(KINDS, (9, 8, 10), strict=True):
        for masks in MASKS:
            for _ in range(2):
                told[kind].add(masks, {asked: Score(Count(10, right, 20, right), 1) for asked in ASKED})
    rows = {row.name: row for row in _rows(told, 670)}
    assert rows["route.real_precision_masked"].value == 0.9
    assert rows["route.real_recall_95_masked_10"].value == 0.45
    assert rows["route.real_recall_unmasked"].peers == {SHIPPED: 0.4, "simulated": 0.5}
    assert rows["route.real_order_errors"].value == 2 * len(MASKS) * len(ASKED)
    assert rows["route.real_recall_unmasked"].met is False
    assert {BARE, HALF, MOST} == set(MASKS)
    assert REAL not in rows["route.real_recall_unmasked"].peers
    assert "670 real people" in rows["route.real_accepted_bare"].note
