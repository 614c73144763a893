"""What happens on the day of the demonstration: who passes which camera when, and with or without a face mask.

The films are rendered from it, and the truth that the route is compared with is read off it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from tests.demo.bodies import Build, Clothes
from tests.demo.clips import Film
from tests.demo.heads import patient_head
from tests.demo.made_faces import made_head
from tests.demo.scene import Look, View
from tests.demo.walkers import Person, Step, Walk

STREET: Final = View(height_m=2.4, tilt_deg=12.0, focal_px=1150.0)
INDOORS: Final = View(width=640, height=640, height_m=2.2, tilt_deg=11.0, focal_px=1150.0)
PATIENT: Final = "patient"
FRIEND: Final = "friend"


@dataclass(frozen=True, slots=True)
class Place:
    """A camera of the quarter: metres east and north of its middle, its cell, and when its film starts in the hour."""

    camera: str
    words: str
    east_m: float
    north_m: float
    indoor: bool
    cell: str
    starts: timedelta
    film: Film


@dataclass(frozen=True, slots=True)
class Passage:
    """The truth: somebody is in view of a camera from start to end."""

    camera: str
    person: str
    start: datetime
    end: datetime
    masked: bool


@cache
def people() -> dict[str, Person]:
    """Everybody of the day. The faces are numbered so that the friend's is unlike the others' to the embedding."""
    wardrobe = {
        FRIEND: (50, Clothes((36, 62, 104), (70, 66, 62), coat_m=0.02), Build(1.76)),
        "runner": (16, Clothes((62, 92, 66), (42, 42, 48)), Build(1.8)),
        "reader": (12, Clothes((206, 196, 184), (74, 74, 112), stripes=0.2), Build(1.7)),
        "porter": (55, Clothes((58, 58, 62), (92, 84, 74), bag=(120, 84, 50)), Build(1.74, 1.12)),
        "baker": (53, Clothes((232, 228, 220), (40, 40, 42)), Build(1.66, 1.05)),
        "student": (28, Clothes((170, 150, 60), (48, 58, 88), bag=(60, 40, 90)), Build(1.72)),
        "guard": (27, Clothes((44, 48, 58), (44, 46, 52), coat_m=0.1), Build(1.82, 1.1)),
    }
    cast = {name: Person(name, made_head(face), clothes, build) for name, (face, clothes, build) in wardrobe.items()}
    cast[PATIENT] = Person(PATIENT, patient_head(), Clothes((128, 40, 48), (52, 56, 78), coat_m=0.2), Build(1.68))
    return cast


def past(name: str, at_s: float, side_m: float, masked: bool = False, pace: float = 1.2) -> Walk:
    """Somebody comes towards the camera and passes below it."""
    far, near = 9.6, 2.7
    steps = (Step(at_s, side_m, far), Step(at_s + (far - near) / pace, side_m * 0.75, near))
    return Walk(people()[name], steps, masked)


def stands(name: str, until_s: float, right_m: float, ahead_m: float, gaze_deg: float) -> Walk:
    """Somebody stands there all the time."""
    steps = (Step(0, right_m, ahead_m), Step(until_s, right_m + 0.05, ahead_m))
    return Walk(people()[name], steps, gaze_deg=gaze_deg)


def _corner() -> Film:
    look = Look((150, 146, 140), 0.6, (150, 120, 100), 11.0, (
        (-4.0, -2.0, 0.0, 2.4, (60, 70, 80)), (-1.0, 1.2, 0.0, 2.3, (40, 36, 34)), (2.0, 4.5, 0.7, 2.3, (90, 110, 120)),
    ))  # fmt: skip
    walks = (
        past("runner", 0.0, 1.0, pace=1.5),
        past(PATIENT, 1.6, -0.4),
        past("reader", 3.6, 0.7),
        past("guard", 5.0, -1.1),
    )
    return Film("corner", STREET, look, walks, 11.0)


def _pharmacy() -> Film:
    look = Look((126, 130, 134), 0.45, (196, 200, 196), 10.5, (
        (-1.4, 0.1, 0.0, 2.2, (70, 96, 84)), (0.6, 4.4, 0.6, 2.4, (120, 150, 150)),
        (-4.4, -2.0, 0.6, 2.4, (118, 146, 148)),
    ), light=(0.95, 1.0, 1.03), sun_side=-0.12, seed=2)  # fmt: skip
    walks = (past("baker", 0.0, -0.9, masked=True), past(PATIENT, 2.0, 0.5, masked=True), past("student", 5.0, -0.3))
    return Film("pharmacy", STREET, look, walks, 11.0)


def _cafe() -> Film:
    look = Look((112, 84, 62), 0.3, (164, 138, 104), 8.0, (
        (-2.2, -0.5, 0.9, 2.2, (200, 190, 160)), (1.1, 2.4, 0.0, 2.1, (66, 48, 36)),
    ), light=(1.04, 0.98, 0.9), sun_side=0.1, noise=5.0, seed=3)  # fmt: skip
    minutes = 16.5 * 60
    walks = (stands(PATIENT, minutes, -0.6, 5.2, 6.0), stands(FRIEND, minutes, 0.6, 5.3, -6.0))
    return Film("cafe", INDOORS, look, walks, minutes, fps=0.8)


def _bus_stop() -> Film:
    look = Look((108, 108, 112), 0.9, (120, 136, 120), 14.0, (
        (-5.0, -0.5, 0.3, 2.6, (140, 170, 180)), (0.4, 4.8, 0.3, 2.6, (136, 164, 176)),
    ), light=(0.88, 0.92, 1.0), sun_side=0.2, noise=6.0, seed=4)  # fmt: skip
    walks = (
        past("porter", 0.0, -1.2),
        past(PATIENT, 1.8, -0.2, masked=True),
        past("student", 2.4, 0.9),
        past("baker", 5.2, 0.3),
    )
    return Film("bus-stop", STREET, look, walks, 11.5)


def _market() -> Film:
    look = Look((158, 150, 132), 0.5, (140, 96, 78), 10.0, (
        (-4.6, -2.4, 0.8, 2.3, (180, 120, 60)), (-1.6, 0.6, 0.8, 2.3, (90, 140, 80)),
        (1.4, 4.0, 0.8, 2.3, (170, 60, 50)),
    ), light=(1.06, 1.0, 0.9), sun_side=-0.2, seed=5)  # fmt: skip
    walks = (past("reader", 0.0, -1.0), past(PATIENT, 2.4, 0.3), past("porter", 4.4, 1.2, masked=True))
    return Film("market", STREET, look, walks, 10.5)


def _park() -> Film:
    look = Look((120, 128, 96), 1.2, (86, 110, 70), 16.0, (), light=(0.98, 1.02, 0.94), sun_side=0.1, seed=6)
    walks = (past("guard", 0.0, 0.8), past("runner", 2.0, -0.5, pace=1.6), past("reader", 4.5, 0.2, masked=True))
    return Film("park", STREET, look, walks, 10.5)


@cache
def places() -> tuple[Place, ...]:
    """The cameras of the quarter, in the order in which the patient passes them; the park sees only others."""

    def at(minute: int, second: int) -> timedelta:
        return timedelta(minutes=minute, seconds=second)

    return (
        Place("quarter-corner", "street corner", 0, 0, False, "quarter-1", at(2, 10), _corner()),
        Place("quarter-pharmacy", "pharmacy door", 180, 40, False, "quarter-1", at(5, 20), _pharmacy()),
        Place("quarter-cafe", "café", 310, 120, True, "quarter-1", at(8, 40), _cafe()),
        Place("quarter-bus-stop", "bus stop", 520, 60, False, "quarter-2", at(29, 30), _bus_stop()),
        Place("quarter-market", "market street", 800, 210, False, "quarter-2", at(36, 15), _market()),
        Place("quarter-park", "park gate", 420, -260, False, "quarter-2", at(18, 0), _park()),
    )


def truth(hour: datetime) -> tuple[Passage, ...]:
    """Everybody's passages in order of time, the day's hour beginning at `hour`."""
    found = []
    for place in places():
        for walk in place.film.walks:
            start = hour + place.starts
            first, last = (start + timedelta(seconds=walk.steps[i].at_s) for i in (0, -1))
            found.append(Passage(place.camera, walk.person.name, first, last, walk.masked))
    return tuple(sorted(found, key=lambda passage: passage.start))
