"""People keep their numbers from frame to frame, and their places become metres and encounters."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.geometry.boxes import Boxes, iou
from edge.geometry.encounters import EncounterFinder
from edge.geometry.ground_plane import Ground, GroundPlane
from edge.tracking.association import match
from edge.tracking.best_shot import BestShots
from edge.tracking.cues import CueFinder, Cues
from edge.tracking.tracker import Tracker, TrackerRules
from edge.vision import Floats

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


def _at(frame: int, fps: float = 10) -> datetime:
    return NOON + timedelta(seconds=frame / fps)


def _person(x: float, y: float = 100, width: float = 40, height: float = 100) -> list[float]:
    return [x, y, x + width, y + height]


def _step(tracker: Tracker, frame: int, boxes: list[list[float]], scores: list[float] | None = None) -> list[int]:
    array: Boxes = np.array(boxes, float).reshape(-1, 4)
    marks = np.array(scores if scores is not None else [0.9] * len(boxes))
    return [track.number for track in tracker.advance(_at(frame), array, marks)]


def test_overlap_is_that_of_rectangles() -> None:
    """Half-shifted unit squares share a third of what they cover together; distant ones share nothing."""
    a = np.array([[0, 0, 2, 2.0]])
    b = np.array([[1, 0, 3, 2.0], [5, 5, 6, 6], [0, 0, 2, 2]])
    assert iou(a, b) == pytest.approx(np.array([[1 / 3, 0, 1]]))


def test_a_box_is_matched_once_and_never_below_the_limit() -> None:
    """Two tracks that want the same detection do not both get it."""
    a = np.array([[0, 0, 10, 10.0], [2, 0, 12, 10]])
    assert match(a, np.array([[1, 0, 11, 10.0]]), 0.9) == []
    assert len(match(a, np.array([[1, 0, 11, 10.0]]), 0.3)) == 1


def test_two_people_who_cross_keep_their_numbers() -> None:
    """While they pass each other, motion tells who is who."""
    tracker = Tracker()
    for frame in range(40):
        _step(tracker, frame, [_person(10 + 6 * frame), _person(250 - 6 * frame, y=130)])
    ends = {track.number: track.box[0] for track in tracker.finish()}
    assert ends[1] == pytest.approx(10 + 6 * 39)
    assert ends[2] == pytest.approx(250 - 6 * 39)
    assert len(ends) == 2


def test_a_person_hidden_for_a_second_is_the_same_person() -> None:
    """A gap shorter than `lost_after` is bridged along the way that the person was walking."""
    tracker = Tracker()
    for frame in [*range(10), *range(20, 30)]:
        _step(tracker, frame, [_person(5 * frame)])
    assert [track.hits for track in tracker.finish()] == [20]


def test_a_person_gone_for_long_ends_and_comes_back_as_another() -> None:
    """After `lost_after` the track is handed over once, and a return has a new number."""
    tracker = Tracker()
    for frame in range(5):
        _step(tracker, frame, [_person(100)])
    ended = [number for frame in range(5, 40) for number in _step(tracker, frame, [])]
    assert ended == [1]
    for frame in range(40, 45):
        _step(tracker, frame, [_person(100)])
    assert [track.number for track in tracker.finish()] == [2]


def test_doubtful_detections_continue_a_track_but_start_none() -> None:
    """A half-hidden person is followed at a low score; a flicker at a low score is nobody."""
    tracker = Tracker()
    for frame in range(20):
        score = 0.9 if frame < 5 else 0.4
        _step(tracker, frame, [_person(4 * frame), _person(400)], [score, 0.4])
    assert [(track.number, track.hits) for track in tracker.finish()] == [(1, 20)]


def test_a_flicker_is_not_reported() -> None:
    """A detection in two frames only is not a person."""
    tracker = Tracker()
    for frame in range(2):
        _step(tracker, frame, [_person(100)])
    assert [_step(tracker, frame, []) for frame in range(2, 40)] == [[]] * 38


def test_somebody_who_stays_is_reported_in_parts() -> None:
    """A track is cut at `longest`, so that a power cut costs no more than that."""
    tracker = Tracker(TrackerRules(longest=timedelta(seconds=2)))
    ended = [number for frame in range(60) for number in _step(tracker, frame, [_person(100)])]
    assert ended == [1, 2]


@given(st.lists(st.floats(0, 1), max_size=30), st.integers(1, 5))
def test_best_shots_are_the_best(qualities: list[float], keep: int) -> None:
    """Whatever the order in which pictures come, the kept ones are those of highest quality, best first."""
    shots: BestShots[object] = BestShots(keep)
    for quality in qualities:
        shots.offer(quality, object())
    assert [quality for quality, _ in shots.best_first()] == sorted(qualities, reverse=True)[:keep]


@given(st.floats(3, 80), st.floats(-10, 10), st.floats(0, 360))
def test_a_place_on_the_ground_comes_back_from_its_pixel(ahead: float, right: float, heading: float) -> None:
    """Projecting a point of the ground into the picture and back gives the same metres."""
    plane = GroundPlane(height_m=4, tilt_deg=20, focal_px=900, heading_deg=heading)
    tilt = math.radians(20)
    depth = ahead * math.cos(tilt) + 4 * math.sin(tilt)
    v = 5000 + 900 * (4 * math.cos(tilt) - ahead * math.sin(tilt)) / depth
    u = 960 + 900 * right / depth
    turn = math.radians(heading)
    expected = (ahead * math.sin(turn) + right * math.cos(turn), ahead * math.cos(turn) - right * math.sin(turn))
    found = plane.foot((u - 20, v - 200, u + 20, v), 1920, 10_000)
    assert found is not None
    assert (found.east_m, found.north_m) == pytest.approx(expected, abs=1e-6)


def test_no_place_is_given_where_it_cannot_be_known() -> None:
    """Feet below the picture's edge, and feet above the horizon, have no place; farther is less certain."""
    plane = GroundPlane(height_m=4, tilt_deg=10, focal_px=900)
    assert plane.foot((0, 100, 50, 1079.5), 1920, 1080) is None
    assert plane.foot((0, 0, 50, 100), 1920, 1080) is None
    near, far = plane.foot((0, 500, 50, 900), 1920, 1080), plane.foot((0, 380, 50, 500), 1920, 1080)
    assert near is not None
    assert far is not None
    assert near.error_m < far.error_m


def _walk(finder: EncounterFinder, seconds: range, places: dict[int, tuple[float, float]]) -> None:
    for second in seconds:
        finder.look(NOON + timedelta(seconds=second), {n: Ground(e, k, 0.3) for n, (e, k) in places.items()})


def test_two_who_stand_together_have_met() -> None:
    """The encounter is told once, when the second of the two ends, with its span and least distance."""
    finder = EncounterFinder(reach_m=2)
    _walk(finder, range(5), {1: (0, 0), 2: (1.5, 0), 3: (50, 0)})
    _walk(finder, range(5, 10), {1: (0, 0), 2: (1, 0)})
    assert finder.ended(3) == finder.ended(1) == []
    [met] = finder.ended(2)
    assert (met.a, met.b, met.start, met.end) == (1, 2, NOON, NOON + timedelta(seconds=9))
    assert met.min_distance_m == pytest.approx(1)
    assert met.distance_error_m == pytest.approx(0.3 * math.sqrt(2))


def test_apart_and_together_again_are_two_encounters() -> None:
    """A pause longer than the gap separates encounters; a shorter one does not."""
    finder = EncounterFinder(reach_m=2)
    for seconds in (range(4), range(6, 10), range(30, 35)):
        _walk(finder, seconds, {1: (0, 0), 2: (1, 0)})
    finder.ended(1)
    assert [(met.end - met.start).seconds for met in finder.ended(2)] == [9, 4]


def test_the_seconds_within_each_reach_are_counted() -> None:
    """Ten seconds at 2.8 m, then five at 0.9 m: five of them count within every reach, and all within the farthest."""
    finder = EncounterFinder()
    _walk(finder, range(11), {1: (0, 0), 2: (2.8, 0)})
    _walk(finder, range(11, 16), {1: (0, 0), 2: (0.9, 0)})
    finder.ended(1)
    [met] = finder.ended(2)
    assert met.near_s == (5, 5, 5, 5, 15)
    assert (met.min_distance_m, (met.end - met.start).seconds) == (0.9, 15)


def test_an_unreported_track_takes_its_encounters_with_it() -> None:
    """No encounter names a sighting that the centre never gets."""
    finder = EncounterFinder(reach_m=2)
    _walk(finder, range(5), {1: (0, 0), 2: (1, 0)})
    assert finder.ended(1, reported=False) == finder.ended(2) == []


def _look_like(*colours: tuple[int, int, int]) -> Floats:
    """A picture strip of people in these colours, side by side, and their looks."""
    rgb = np.full((120, 60 * len(colours), 3), 128, np.uint8)
    for k, colour in enumerate(colours):
        rgb[10:110, 60 * k + 10 : 60 * k + 50] = colour
    boxes = np.array([[60 * k + 10, 10, 60 * k + 50, 110] for k in range(len(colours))], float)
    return CueFinder().look(NOON, rgb, boxes).looks


def test_clothes_tell_people_apart() -> None:
    """The same colours look alike, others do not."""
    looks = _look_like((200, 30, 30), (30, 30, 200), (205, 35, 30))
    assert looks[0] @ looks[2] > 0.9
    assert looks[0] @ looks[1] < 0.1


def test_somebody_hidden_is_found_again_by_place_and_clothes() -> None:
    """After a second behind a sign, the person in red keeps the number; one in blue at that place gets a new one."""
    red, blue = _look_like((200, 30, 30), (30, 30, 200))
    for second, numbers in ((red, [1]), (blue, [1, 2])):
        tracker, ended = Tracker(), []
        for frame in [*range(10), *range(20, 30)]:
            look = red if frame < 10 else second
            box = np.array([_person(4.0 * frame + (30 if frame >= 20 else 0))])
            ended += tracker.advance(_at(frame), box, np.array([0.9]), Cues(look[None], np.ones(1)))
        assert [track.number for track in ended + tracker.finish()] == numbers


def test_frames_in_which_a_person_was_hidden_are_filled_in() -> None:
    """The path has a box for every frame between the first hit and the last, along a straight line."""
    tracker = Tracker()
    for frame in range(20):
        _step(tracker, frame, [] if 5 <= frame < 10 else [_person(10.0 * frame)])
    [track] = tracker.finish()
    assert [round(float(box[0])) for _, box in track.path] == [10 * frame for frame in range(20)]


def test_what_never_stirs_is_scenery() -> None:
    """A traffic cone that the detector takes for a person is not reported; one who stands and breathes is."""
    tracker = Tracker()
    for frame in range(50):
        boxes = np.array([_person(100), _person(300)])
        stirs = np.array([0.0, 0.3 if frame % 4 == 0 else 0.0])
        tracker.advance(_at(frame), boxes, np.array([0.9, 0.9]), Cues(np.ones((2, 1), np.float32), stirs))
    assert [track.box[0] for track in tracker.finish()] == [300]


def test_a_person_who_sits_down_stays_a_person() -> None:
    """A long track is cut, and its second part counts although nothing stirs any more."""
    tracker = Tracker(TrackerRules(longest=timedelta(seconds=3)))
    ended = []
    for frame in range(80):
        box = np.array([_person(5.0 * min(frame, 20))])
        ended += tracker.advance(_at(frame), box, np.array([0.9]), Cues(np.ones((1, 1), np.float32), np.zeros(1)))
    assert [track.number for track in ended + tracker.finish()] == [1, 2, 3]


def test_only_what_changed_stirs() -> None:
    """A box over a moving patch stirs, one over a still background does not; at the very start everything counts."""
    finder, boxes = CueFinder(), np.array([[10, 10, 50, 110], [100, 10, 140, 110]], float)
    for frame in range(12):
        rgb = np.full((120, 160, 3), 90, np.uint8)
        rgb[20:100, 10 + 2 * frame : 20 + 2 * frame] = 220
        stirs = finder.look(_at(frame), rgb, boxes).stirs
        if frame == 0:
            assert stirs.tolist() == [1, 1]
    assert stirs[0] > 0.1
    assert stirs[1] == 0


def test_people_too_far_to_be_of_use_are_not_followed() -> None:
    """Below the least height neither face nor clothes can be made out."""
    tracker = Tracker()
    for frame in range(10):
        _step(tracker, frame, [_person(4.0 * frame, width=14, height=40)])
    assert tracker.finish() == []
