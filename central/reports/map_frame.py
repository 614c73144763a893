"""Where things lie on the picture: from degrees to picture units, labels that keep out of each other's way."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from shared.geo import EARTH_RADIUS_M

Point = tuple[float, float]
Box = tuple[float, float, float, float]

_SMALLEST_M = 300.0


@dataclass(frozen=True, slots=True)
class Frame:
    """A part of the earth in a part of the picture (x, y, width, height), north up; equirectangular."""

    latitude: float
    longitude: float
    metres: float
    box: Box

    @classmethod
    def around(cls, places: Sequence[Point], box: Box, margin: float = 0.14) -> Frame:
        """The frame that shows all places (latitude, longitude in degrees), with a margin; somewhere for none."""
        latitudes, longitudes = zip(*places, strict=True) if places else ((0.0,), (0.0,))
        latitude = (min(latitudes) + max(latitudes)) / 2
        longitude = (min(longitudes) + max(longitudes)) / 2
        north = math.radians(max(latitudes) - min(latitudes)) * EARTH_RADIUS_M
        east = math.radians(max(longitudes) - min(longitudes)) * EARTH_RADIUS_M * math.cos(math.radians(latitude))
        inner = 1 - 2 * margin
        across = max(east / inner, north / inner * box[2] / box[3], _SMALLEST_M)
        return cls(latitude, longitude, across / box[2], box)

    def at(self, latitude: float, longitude: float) -> Point:
        """Picture units of a place; `metres` a unit."""
        east = math.radians(longitude - self.longitude) * math.cos(math.radians(self.latitude)) * EARTH_RADIUS_M
        north = math.radians(latitude - self.latitude) * EARTH_RADIUS_M
        x, y, width, height = self.box
        return x + width / 2 + east / self.metres, y + height / 2 - north / self.metres

    def shows(self, point: Point, edge: float = 4.0) -> bool:
        x, y, width, height = self.box
        return x + edge <= point[0] <= x + width - edge and y + edge <= point[1] <= y + height - edge

    def scale_bar(self, longest: float) -> tuple[float, float]:
        """A round number of metres (1, 2 or 5 times a power of ten) and its length, at most `longest` units."""
        most = longest * self.metres
        power = 10 ** math.floor(math.log10(most))
        metres = max(step * power for step in (1, 2, 5) if step * power <= most)
        return metres, metres / self.metres


@dataclass(slots=True)
class Labels:
    """Finds room for labels beside points: right, left, above, below, then farther away. First come, first served."""

    frame: Frame
    taken: list[Box] = field(default_factory=list)

    def block(self, at: Point, half_width: float, half_height: float) -> None:
        """Keep labels off a marker."""
        self.taken.append((at[0] - half_width, at[1] - half_height, 2 * half_width, 2 * half_height))

    def place(self, at: Point, size: tuple[float, float], away: float) -> Point | None:
        """The top left corner for a label of this size; None where there is no room."""
        width, height = size
        for further in (0.0, 12.0, 26.0):
            d = away + further
            corners = (
                (at[0] + d, at[1] - height / 2),
                (at[0] - d - width, at[1] - height / 2),
                (at[0] - width / 2, at[1] - d - height),
                (at[0] - width / 2, at[1] + d),
                (at[0] + d * 0.7, at[1] - d * 0.7 - height),
                (at[0] + d * 0.7, at[1] + d * 0.7),
                (at[0] - d * 0.7 - width, at[1] - d * 0.7 - height),
                (at[0] - d * 0.7 - width, at[1] + d * 0.7),
            )
            for x, y in corners:
                box = (x, y, width, height)
                inside = self.frame.shows((x, y)) and self.frame.shows((x + width, y + height))
                if inside and not any(_overlap(box, other) for other in self.taken):
                    self.taken.append(box)
                    return x, y
        return None


def _overlap(a: Box, b: Box) -> bool:
    return a[0] < b[0] + b[2] and b[0] < a[0] + a[2] and a[1] < b[1] + b[3] and b[1] < a[1] + a[3]
