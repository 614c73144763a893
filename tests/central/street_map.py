"""Small maps as OpenStreetMap writes them: points in metres around a place, ways between them, written as .osm.pbf."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import osmium
from osmium.osm.mutable import Node, Relation, Way

from central.routes.camera_graph import CameraPlace

MIDDLE = (37.5, 126.76)
_NORTH_M = 111_194.93  # a degree on the sphere that distances are measured on
_EAST_M = _NORTH_M * 0.7933533402912352  # at 37.5° north

Point = tuple[float, float]
Tags = Mapping[str, str]
ROAD = {"highway": "residential"}


def degrees(point: Point) -> tuple[float, float]:
    """Latitude and longitude of metres east and north of the middle."""
    return MIDDLE[0] + point[1] / _NORTH_M, MIDDLE[1] + point[0] / _EAST_M


def camera(name: str, east_m: float, north_m: float) -> CameraPlace:
    return CameraPlace(name, *degrees((east_m, north_m)), indoor=False, cell="c-1")


@dataclass
class StreetMap:
    """Ways by their points; two ways that share a point meet there. `points` have tags, such as gates."""

    ways: list[tuple[Sequence[Point], Tags]] = field(default_factory=list)
    points: dict[Point, Tags] = field(default_factory=dict)
    areas: list[tuple[Sequence[int], Tags]] = field(default_factory=list)

    def way(self, *points: Point, **tags: str) -> StreetMap:
        self.ways.append((points, tags or ROAD))
        return self

    def write(self, file: Path) -> Path:
        """The areas' members are places in `ways`."""
        names = {point: k for k, point in enumerate(dict.fromkeys(p for way, _ in self.ways for p in way), 1)}
        writer = osmium.SimpleWriter(str(file))
        for point, k in names.items():
            latitude, longitude = degrees(point)
            writer.add_node(Node(id=k, location=(longitude, latitude), tags=dict(self.points.get(point, {}))))
        for k, (points, tags) in enumerate(self.ways):
            writer.add_way(Way(id=k + 1, nodes=[names[point] for point in points], tags=dict(tags)))
        for k, (members, tags) in enumerate(self.areas, 1):
            of = [("w", member + 1, "outer") for member in members]
            writer.add_relation(Relation(id=k, members=of, tags={"type": "multipolygon"} | dict(tags)))
        writer.close()
        return file


def river(**bridge: str) -> StreetMap:
    """A street on either bank, 200 m apart, and a bridge 600 m east."""
    banks = StreetMap()
    for north in (100.0, -100.0):
        banks.way((-600.0, north), (0.0, north), (600.0, north), (900.0, north))
    return banks.way((600.0, 100.0), (600.0, -100.0), **bridge)


NORTH, SOUTH, BRIDGE = camera("cam-n", 0, 110), camera("cam-s", 0, -110), camera("cam-x", 600, 0)
