"""What a box saw: one ended track is a sighting, two people near each other are an encounter."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from shared.errors import BadInput
from shared.face_mask import FaceMask
from shared.ids import check_id

NOWHERE = -32768  # a ground coordinate that was not measured
HAS_FACE, HAS_APPEARANCE = 1, 2  # bits of a row's flags
# Rules for contacts name distances; a box counts the seconds within each of these, and the rules stay at the centre.
REACHES_M = (1.0, 1.5, 1.83, 2.0, 3.0)


@dataclass(frozen=True, slots=True)
class Sighting:
    """One ended track. `number` counts within (node, boot); positions are metres from the camera, within ±327 m."""

    number: int
    camera: str
    start: datetime
    end: datetime
    face_code: bytes | None = field(repr=False)
    appearance_code: bytes | None = field(repr=False)
    mask: FaceMask = FaceMask.UNKNOWN
    quality: float = 0.0
    east_m: float | None = None
    north_m: float | None = None


@dataclass(frozen=True, slots=True)
class Encounter:
    """Two sightings of one node and boot, by number, that came near each other, and for how long.

    `near_s` are the seconds within each of REACHES_M; None in batches of schema 1, which did not count them.
    """

    a: int
    b: int
    start: datetime
    end: datetime
    min_distance_m: float
    distance_error_m: float
    near_s: tuple[float, ...] | None = None


def sighting_id(node: str, boot: int, number: int) -> str:
    """The name of a sighting everywhere outside its batch."""
    return f"{node}/{boot}/{number}"


def parse_sighting_id(text: str) -> tuple[str, int, int]:
    """(node, boot, number) of a sighting's name. Raises BadInput."""
    parts = text.split("/")
    if len(parts) != 3 or not parts[1].isdecimal() or not parts[2].isdecimal():
        raise BadInput(f"no sighting is named {text[:40]!r}", hint="a sighting's name looks like node/boot/number")
    return check_id(parts[0], "node"), int(parts[1]), int(parts[2])
