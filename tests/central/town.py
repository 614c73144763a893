"""A small town for route tests: walks past cameras, and distances drawn from a calibration's own laws.

A stranger looks as much like the patient in one picture as in the next: distances of one person share a part.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import numpy.typing as npt

from central.routes.camera_graph import CameraGraph, CameraPlace
from central.routes.likelihood import CALIBRATIONS
from central.search.candidates import Candidate
from central.search.job import DEFAULT_RADIUS
from shared.calibration.curves import Calibration
from shared.calibration.files import read_calibration
from shared.epochs import Epoch, Modality
from shared.face_mask import FaceMask

START = datetime(2026, 11, 24, 0, tzinfo=UTC)
WINDOW = (START, START + timedelta(hours=10))
DEGREE_M = 111_195.0
SPACING_M = 90.0
SPEED_M_S = 1.3


def calibration() -> Calibration:
    return read_calibration(sorted(CALIBRATIONS.glob("*.json"))[-1])


def grid(side: int = 12) -> CameraGraph:
    """A camera at every crossing of a square of streets."""
    return CameraGraph(
        [
            CameraPlace(f"cam-{x:02d}-{y:02d}", y * SPACING_M / DEGREE_M, x * SPACING_M / DEGREE_M, False, "c-1")
            for x in range(side)
            for y in range(side)
        ]
    )


@dataclass(frozen=True, slots=True)
class Pass:
    """Somebody passes a camera `at` seconds after the window's start."""

    camera: str
    at: float


def walk(rng: np.random.Generator, side: int = 12, seconds: float = 34_000.0) -> list[Pass]:
    """A day of walks from crossing to crossing, with rests out of sight in between."""
    x, y = rng.integers(side, size=2)
    t, passes = float(rng.uniform(0, 3600)), []
    while t < seconds:
        to_x, to_y = rng.integers(side, size=2)
        while (x, y) != (to_x, to_y):
            x, y = (x + np.sign(to_x - x), y) if x != to_x else (x, y + np.sign(to_y - y))
            t += SPACING_M / SPEED_M_S * float(rng.uniform(0.9, 1.2))
            if rng.random() < 0.8:
                passes.append(Pass(f"cam-{x:02d}-{y:02d}", t))
        t += float(rng.exponential(4000))
    return [one for one in passes if one.at < seconds]


def sighted(passes: list[Pass], distances: npt.NDArray[np.int64], name: str, mask: FaceMask) -> list[Candidate]:
    """Candidates of the passes, before anything is left out."""
    made = []
    for k, (one, distance) in enumerate(zip(passes, distances, strict=True)):
        start = START + timedelta(seconds=round(one.at))
        end, epoch = start + timedelta(seconds=6), Epoch.at("c-1", start)
        made.append(
            Candidate(
                f"{name}/1/{k}", name, one.camera, start, end, Modality.FACE, int(distance), 1024, mask, 0.6,
                None, None, epoch,
            )
        )  # fmt: skip
    return made


@dataclass(frozen=True, slots=True)
class Town:
    """What a search of one day answers, and which of it is the patient's."""

    graph: CameraGraph
    candidates: tuple[Candidate, ...]
    truth: frozenset[str]
    searched: int


def town(seed: int, strangers: int = 400, mask: FaceMask = FaceMask.ABSENT, patient: bool = True) -> Town:
    """One patient (or none) among strangers; hits beyond the search radius are left out, the patient's too."""
    rng, laws = np.random.default_rng(seed), calibration()
    probe = sighted([Pass("cam-00-00", 0.0)], np.array([0]), "n-0", mask)[0]
    curve = laws.curve(probe)
    tables = curve.tables()
    seen, searched = [], 0
    for person in range(strangers):
        passes = walk(rng)
        searched += len(passes)
        distances = _draw(tables.other_score, curve.other_correlation, len(passes), rng)
        seen += sighted(passes, distances, f"n-{person + 1}", mask)
    truth: list[Candidate] = []
    if patient:
        passes = walk(rng)
        truth = sighted(passes, _draw(tables.same_score, curve.same_correlation, len(passes), rng), "n-0", mask)
    near = [one for one in seen + truth if one.distance <= DEFAULT_RADIUS[Modality.FACE]]
    return Town(grid(), tuple(near), frozenset(one.sighting for one in truth), searched + len(truth))


def _draw(
    score: npt.NDArray[np.float64], correlation: float, count: int, rng: np.random.Generator
) -> npt.NDArray[np.int64]:
    """Distances whose normal scores share a part: how alike this person is to the patient's template."""
    shared, own = rng.standard_normal(), rng.standard_normal(count)
    wanted = np.sqrt(correlation) * shared + np.sqrt(1 - correlation) * own
    return np.asarray(np.searchsorted(score, wanted).clip(0, 1024), np.int64)
