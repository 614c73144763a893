"""Reads what one may walk on out of an OpenStreetMap extract, near the cameras only.

Of the file's points their places are kept while it is read, 16 bytes each; of its ways, the points of those that are
walked on and lead past the cameras.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import osmium
from osmium.filter import EntityFilter, IdFilter, KeyFilter
from osmium.index import LocationTable
from osmium.io import File, Header, Reader
from osmium.osm import NODE, NOTHING, RELATION, WAY, osm_entity_bits

from central.walking.errors import BadExtract, NoWays
from central.walking.rules import BESIDE, open_area, shut, walked
from shared.clock import as_utc
from shared.errors import BadInput

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Tell = Callable[[str], None]

MOST_BYTES: Final = 2**30
MOST_POINTS: Final = 30_000_000  # of ways near the cameras, 16 bytes each
_TELL_EVERY: Final = 100_000
_UNITS: Final = 10_000_000  # of a degree: how the map writes places
_NOWHERE: Final = 2**31 - 1
_FIRST_YEAR: Final = 2004  # of the map; extracts without times say 1970
_SMALLER: Final = "cut it to the city and some kilometres around it, such as with: osmium extract --bbox"


@dataclass(frozen=True, slots=True)
class Box:
    """Degrees; what lies outside is not read."""

    south: float
    west: float
    north: float
    east: float

    def holds(self, latitude: float, longitude: float) -> bool:
        return self.south <= latitude <= self.north and self.west <= longitude <= self.east

    def within(self, other: Box) -> bool:
        return other.holds(self.south, self.west) and other.holds(self.north, self.east)

    def __str__(self) -> str:
        return f"latitude {self.south:.3f} to {self.north:.3f}, longitude {self.west:.3f} to {self.east:.3f}"


@dataclass(frozen=True, slots=True, eq=False)
class Streets:
    """n points in degrees and m pieces of way between two of them each; `dated` is how new the map is and `extent` what
    it covers, if it says."""

    latitude: Floats
    longitude: Floats
    one: Ints
    other: Ints
    name: str
    dated: datetime | None
    extent: Box | None


def read_streets(path: Path, box: Box, tell: Tell) -> Streets:
    """Raises BadExtract, NoWays."""
    file = _opened(path)
    try:
        return _read(path, file, box, tell)
    except (RuntimeError, ValueError, MemoryError) as error:  # what the library raises for damage of any kind
        why = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        hint = f"load the extract again and compare its checksum ({why})"
        raise BadExtract(f"{path.name} is no whole .osm.pbf file", hint=hint) from None


def _opened(path: Path) -> File:
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise BadExtract(f"{path} is no file", hint="name an .osm.pbf file")
        with path.open("rb"):
            pass
    except OSError as error:
        raise BadExtract(f"cannot read {path}: {error.strerror}", hint="check its name") from None
    if size > MOST_BYTES:
        raise BadExtract(f"{path.name} is over {MOST_BYTES >> 30} GiB", hint=_SMALLER)
    return File(str(path.absolute()), "pbf")  # never by its name: the library would fetch one that is an address


def _read(path: Path, file: File, box: Box, tell: Tell) -> Streets:
    header = Reader(file, NOTHING).header()
    if header.has_multiple_object_versions:
        raise BadExtract(f"{path.name} holds the map's history", hint="take an extract of one moment, .osm.pbf")
    tell(f"reading {path.name}: areas and gates")
    outlines = _outlines(file)
    closed = [node.id for node in _objects(file, NODE, KeyFilter("barrier")) if shut(dict(node.tags))]
    tell(f"reading {path.name}: ways")
    found = _ways(file, outlines, box, tell)
    if not found.read:
        raise NoWays(f"{path.name} has no way to walk on", hint="take an extract with all of the map's objects")
    one, other, latitude, longitude = found.pieces(box, np.array(closed, np.int64))
    if not len(one):
        hint = f"take one that holds {box}: the cameras and what is within reach of them"
        raise NoWays(f"{path.name} has no way to walk on near any camera", hint=hint)
    dated = _moment(header.get("osmosis_replication_timestamp", "")) or found.newest
    return Streets(latitude, longitude, one, other, path.name, dated, _extent(header))


@dataclass(slots=True)
class _Ways:
    """The points of ways in a row, by their name and place (ten-millionths of a degree), and the ways' lengths."""

    points: array[int] = field(default_factory=lambda: array("q"))
    north: array[int] = field(default_factory=lambda: array("i"))
    east: array[int] = field(default_factory=lambda: array("i"))
    lengths: array[int] = field(default_factory=lambda: array("q"))
    read: int = 0
    newest: datetime | None = None

    def take(self, refs: list[int], north: list[int], east: list[int]) -> None:
        self.points.extend(refs)
        self.north.extend(north)
        self.east.extend(east)
        self.lengths.append(len(refs))
        if len(self.points) > MOST_POINTS:
            raise BadExtract("the extract has more ways than fit", hint=_SMALLER)

    def pieces(self, box: Box, closed: Ints) -> tuple[Ints, Ints, Floats, Floats]:
        """Pairs of neighbouring points of one way, both within the box and open, and where all such points are."""
        points, lengths = np.array(self.points, np.int64), np.array(self.lengths, np.int64)
        latitude, longitude = (np.array(side, np.float64) / _UNITS for side in (self.north, self.east))
        there = (box.south <= latitude) & (latitude <= box.north) & (box.west <= longitude) & (longitude <= box.east)
        there &= ~np.isin(points, closed)
        goes_on = np.ones(len(points), np.bool_)
        goes_on[np.cumsum(lengths) - 1] = False
        at = np.flatnonzero(goes_on[:-1] & there[:-1] & there[1:])
        _, first, place = np.unique(points, return_index=True, return_inverse=True)
        return place[at], place[at + 1], latitude[first], longitude[first]


def _outlines(file: File) -> frozenset[int]:
    """The ways around squares and the like, which say nothing of it themselves."""
    areas = (area for area in _objects(file, RELATION, KeyFilter("type")) if open_area(dict(area.tags)))
    return frozenset(member.ref for area in areas for member in area.members if member.type == "w")


def _ways(file: File, outlines: frozenset[int], box: Box, tell: Tell) -> _Ways:
    """What is walked on, and leads through the box."""
    found, places = _Ways(), osmium.index.create_map("flex_mem")  # 16 bytes for each point of the file
    on_them = KeyFilter("highway", *(key for key, _ in BESIDE))
    for way in _objects(file, NODE | WAY, EntityFilter(WAY), on_them, places=places):
        if way.id in outlines or not walked(dict(way.tags)):
            continue
        found.read += 1
        if found.read % _TELL_EVERY == 0:
            tell(f"  {found.read} ways")
        nodes = [(node.ref, node.y, node.x) for node in way.nodes]
        if any(box.holds(north / _UNITS, east / _UNITS) for _, north, east in nodes):
            found.take(*map(list, zip(*nodes, strict=True)))
            changed = way.timestamp
            if changed.year >= _FIRST_YEAR and (found.newest is None or changed > found.newest):
                found.newest = changed
    for way in _objects(file, WAY, IdFilter(outlines)) if outlines else ():
        found.read += 1
        known = [(node.ref, _place(places, node.ref)) for node in way.nodes]
        if known:
            found.take([ref for ref, _ in known], [at[0] for _, at in known], [at[1] for _, at in known])
    return found


def _place(places: LocationTable, point: int) -> tuple[int, int]:
    """Ten-millionths of a degree north and east; those of no place on earth for a point that the file lacks."""
    try:
        at = places.get(point)
    except KeyError:
        return _NOWHERE, _NOWHERE
    return at.y, at.x


def _objects(file: File, kind: osm_entity_bits, *only: Any, places: LocationTable | None = None) -> Iterator[Any]:
    objects = osmium.FileProcessor(file, kind)
    if places is not None:
        objects = objects.with_locations(places)  # type: ignore[arg-type]  # it takes a table, too
    for each in only:
        objects = objects.with_filter(each)
    return iter(objects)


def _extent(header: Header) -> Box | None:
    box = header.box()
    if not box.valid():
        return None
    low, high = box.bottom_left, box.top_right
    return Box(low.lat, low.lon, high.lat, high.lon)


def _moment(text: str) -> datetime | None:
    try:
        return as_utc(datetime.fromisoformat(text)) if text else None
    except (ValueError, BadInput):
        return None
