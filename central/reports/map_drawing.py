"""What lies on the map itself: cameras, stays, the way with its arrows, numbered visits and their times."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from zoneinfo import ZoneInfo

from central.contacts.exposures import Contact
from central.reports.map_frame import Frame, Labels, Point
from central.reports.map_style import (
    BADGE,
    CAMERA,
    CONTACT,
    GAP,
    MASKS,
    OUT,
    RIDE,
    SMALL,
    STAY,
    SURE,
    TRUTH,
    TRUTH_LINE,
    WAY,
)
from central.reports.map_words import Language, length
from central.reports.svg import element, path, text
from central.routes.camera_graph import CameraGraph, CameraPlace
from central.routes.route import Route, Visit

RADIUS = 11.0
_LETTER = 6.6  # mean width of a digit of the labels
_ARROW_FROM = 30.0  # shorter ways get no arrow: there is no room for one


@dataclass(slots=True)
class Marker:
    """Visits at one spot of the picture, by position in the route."""

    at: Point
    visits: list[int] = field(default_factory=list)

    @property
    def caption(self) -> str:
        """Their numbers from 1, runs drawn together: 1–3, 7."""
        runs: list[list[int]] = []
        for number in (i + 1 for i in self.visits):
            if runs and number == runs[-1][-1] + 1:
                runs[-1].append(number)
            else:
                runs.append([number])
        shown = [f"{run[0]}" if len(run) == 1 else f"{run[0]}–{run[-1]}" for run in runs]
        return ", ".join(shown if len(shown) <= 3 else [*shown[:2], "…", shown[-1]])

    @property
    def half_width(self) -> float:
        return max(RADIUS, len(self.caption) * _LETTER / 2 + 6)


def markers(visits: Sequence[Visit], frame: Frame) -> list[Marker]:
    """One marker for visits whose markers would cover each other, where the first of them was."""
    found: list[Marker] = []
    for i, visit in enumerate(visits):
        fresh = Marker(frame.at(visit.place.latitude, visit.place.longitude), [i])
        # A marker that takes in another grows wider, and may then cover a third.
        while near := next((one for one in found if _cover(one, fresh)), None):
            found.remove(near)
            fresh = Marker(near.at, sorted(near.visits + fresh.visits))
        found.append(fresh)
    return sorted(found, key=lambda marker: marker.visits[0])


def cameras(graph: CameraGraph, frame: Frame, out: Collection[str] = ()) -> str:
    """All cameras in view; those indoors are squares, and those that were `out` for a while are crossed."""
    dots = []
    for place in graph.places.values():
        x, y = frame.at(place.latitude, place.longitude)
        if not frame.shows((x, y), edge=0):
            continue
        if place.camera in out:
            dots.append(cross(x, y))
            continue
        square = element("rect", x=x - 2, y=y - 2, width=4.0, height=4.0)
        dots.append(square if place.indoor else element("circle", cx=x, cy=y, r=2.2))
    return element("g", *dots, fill=CAMERA)


def cross(x: float, y: float) -> str:
    d = f"M{x - 3:.1f} {y - 3:.1f} l6 6 M{x - 3:.1f} {y + 3:.1f} l6 -6"
    return element("path", d=d, fill="none", stroke=OUT, stroke_width=1.2)


def diamond(x: float, y: float, count: int) -> str:
    """So many contacts, in white on a diamond that stands on its tip at (x, y), wide enough for the number."""
    half = 6.0 + 4.0 * len(f"{count}")
    d = f"M{x:.1f} {y:.1f} l{half:g} -10 l-{half:g} -10 l-{half:g} 10 Z"
    shape = element("path", d=d, fill=CONTACT, stroke="#ffffff", stroke_width=1.5, stroke_linejoin="round")
    return shape + text(f"{count}", x, y - 6.5, fill="#ffffff", **BADGE | {"font_size": 9.5})


def truth_band(places: Sequence[CameraPlace], frame: Frame) -> str:
    """The cameras that were really passed, as a broad band with a dashed line in it, under the route."""
    points = [frame.at(place.latitude, place.longitude) for place in places]
    dots = [element("circle", cx=x, cy=y, r=7.0, fill=TRUTH, fill_opacity=0.35) for x, y in points]
    band = path(points, stroke=TRUTH, stroke_width=9.0, stroke_opacity=0.35, stroke_linejoin="round") if points else ""
    dashes = {"stroke_dasharray": "5 5", "stroke_linejoin": "round"}
    line = path(points, stroke=TRUTH_LINE, stroke_width=1.6, **dashes) if len(points) > 1 else ""
    return element("g", band, *dots, line)


def contacts_by_visit(route: Route, contacts: Sequence[Contact]) -> list[set[str]]:
    """The pseudonyms of the contacts that were near during each visit."""
    spells = [(contact.pseudonym, one) for contact in contacts for one in contact.exposures]
    return [
        {
            pseudonym
            for pseudonym, one in spells
            if one.place.camera == visit.place.camera and one.start <= visit.end and one.end >= visit.start
        }
        for visit in route.visits
    ]


@dataclass(frozen=True, slots=True)
class Drawing:
    """A route in a frame."""

    route: Route
    frame: Frame
    markers: Sequence[Marker]
    language: Language
    zone: ZoneInfo
    contacts: Sequence[Contact] = ()

    def stays(self) -> str:
        """A circle for each stay; its area follows the minutes."""
        circles = []
        for stay in self.route.stays:
            x, y = self._marker(stay.first).at
            r = RADIUS + 5 + min(36.0, 2.2 * math.sqrt(stay.minutes))
            circles.append(element("circle", cx=x, cy=y, r=r, fill=STAY, fill_opacity=0.28, stroke=STAY))
        return element("g", *circles)

    def ways(self) -> str:
        """Lines between markers, curved to the right so that there and back do not cover each other."""
        modes = {leg.first: leg.mode for leg in self.route.legs}
        gaps = {gap.after for gap in self.route.gaps}
        lines = []
        for i, _ in pairwise(range(len(self.route.visits))):
            one, following = self._marker(i), self._marker(i + 1)
            if one is not following:
                lines.append(_way(one.at, following.at, gap=i in gaps, ride=modes.get(i) == "ride"))
        return element("g", *lines)

    def visits(self) -> str:
        """Numbered markers with times, the labels where there is room for them."""
        labels = Labels(self.frame)
        for marker in self.markers:
            labels.block(marker.at, marker.half_width + 1, RADIUS + 1)
        badges = [self._badge(marker) for marker in self.markers]
        return element("g", *badges, *self._labels(labels), *self._met())

    def _met(self) -> Iterator[str]:
        """On each marker, how many contacts were met there."""
        at_visit = contacts_by_visit(self.route, self.contacts)
        for marker in self.markers:
            met = set().union(*(at_visit[i] for i in marker.visits))
            if met:
                yield diamond(marker.at[0] + marker.half_width - 3, marker.at[1] - RADIUS + 5, len(met))

    def _marker(self, visit: int) -> Marker:
        return next(marker for marker in self.markers if visit in marker.visits)

    def _badge(self, marker: Marker) -> str:
        visits = [self.route.visits[i] for i in marker.visits]
        colour = MASKS[visits[0].candidate.mask]
        sure = max(visit.confidence for visit in visits) >= SURE
        x, y, half = *marker.at, marker.half_width
        size = {"x": x - half, "y": y - RADIUS, "width": 2 * half, "height": 2 * RADIUS, "rx": RADIUS}
        pill = element("rect", fill=colour if sure else "#ffffff", stroke=colour, stroke_width=2.0, **size)
        halo = element("rect", fill="none", stroke="#ffffff", stroke_width=5.0, **size)
        ink = "#ffffff" if sure else colour
        number = text(marker.caption, x, y + 4, fill=ink, **BADGE)
        return halo + pill + number

    def _labels(self, labels: Labels) -> Iterator[str]:
        for marker in self.markers:
            for words_of_label in self._captions(marker):
                size = (len(words_of_label) * _LETTER + 8, 17.0)
                corner = labels.place(marker.at, size, marker.half_width + 4)
                if corner:
                    yield _label(words_of_label, corner, size)

    def _captions(self, marker: Marker) -> Iterator[str]:
        """The time of a marker, of a stay its length too; the timeline beside the map has the others."""
        first = marker.visits[0]
        stay = next((stay for stay in self.route.stays if stay.first in marker.visits), None)
        start = self.route.visits[first].start.astimezone(self.zone)
        if stay is None:
            yield f"{start:%H:%M}" + (" …" if len(marker.visits) > 1 else "")
        else:
            yield f"{start:%H:%M} · " + length(stay.minutes, self.language)


def _cover(a: Marker, b: Marker) -> bool:
    across, down = abs(a.at[0] - b.at[0]), abs(a.at[1] - b.at[1])
    return across < a.half_width + b.half_width and down < 2 * RADIUS


def _way(start: Point, end: Point, *, gap: bool, ride: bool) -> str:
    length = math.dist(start, end)
    bend = min(22.0, 0.12 * length)
    dx, dy = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    bow = ((start[0] + end[0]) / 2 - dy * bend, (start[1] + end[1]) / 2 + dx * bend)
    d = f"M{start[0]:.1f} {start[1]:.1f} Q{bow[0]:.1f} {bow[1]:.1f} {end[0]:.1f} {end[1]:.1f}"
    colour = GAP if gap else RIDE if ride else WAY
    dash = {"stroke_dasharray": "3 7", "stroke_linecap": "round"} if gap else {}
    halo = element("path", d=d, fill="none", stroke="#ffffff", stroke_width=6.0, stroke_opacity=0.8)
    line = element("path", d=d, fill="none", stroke=colour, stroke_width=2.6, **dash)
    return halo + line + (_arrow(start, bow, end, colour) if length >= _ARROW_FROM else "")


def _arrow(start: Point, bow: Point, end: Point, colour: str) -> str:
    """An arrowhead at the middle of the curve, where it runs along the straight line."""
    x, y = ((start[k] + 2 * bow[k] + end[k]) / 4 for k in (0, 1))
    turn = math.degrees(math.atan2(end[1] - start[1], end[0] - start[0]))
    head = "M-6 -6 L7 0 L-6 6 L-3 0 Z"
    return element(
        "path", d=head, fill=colour, stroke="#ffffff", transform=f"translate({x:.1f} {y:.1f}) rotate({turn:.1f})"
    )


def _label(caption: str, corner: Point, size: tuple[float, float]) -> str:
    x, y = corner
    back = element("rect", x=x, y=y, width=size[0], height=size[1], rx=4.0, fill="#ffffff", fill_opacity=0.86)
    return back + text(caption, x + size[0] / 2, y + 12.5, text_anchor="middle", **SMALL)
