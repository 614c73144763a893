"""A route as a picture: one self-contained SVG, without tiles, fonts or anybody's name."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from central.contacts.exposures import Contact
from central.reports.map_drawing import Drawing, cameras, markers, truth_band
from central.reports.map_frame import Box, Frame
from central.reports.map_panel import Extras, legend, timeline
from central.reports.map_style import FONTS, HEADING, INK, PAPER, PLAIN, QUIET, SMALL, TITLE
from central.reports.map_words import Language, words
from central.reports.svg import element, escaped, path, text
from central.routes.camera_graph import CameraGraph
from central.routes.route import Route

WIDTH, HEIGHT = 1200.0, 800.0
_MAP: Box = (24.0, 84.0, 868.0, 664.0)
_PANEL: Box = (914.0, 84.0, 262.0, 664.0)


@dataclass(frozen=True, slots=True)
class Overlay:
    """What else may be shown: cameras that were `out` for a while, and who was a contact by `preset`."""

    out: Collection[str] = ()
    contacts: Sequence[Contact] = ()
    preset: str = ""


def route_map_svg(
    route: Route,
    graph: CameraGraph,
    *,
    title: str,
    truth: Sequence[str] | None = None,
    language: Language = "en",
    tz: str = "Asia/Seoul",
    overlay: Overlay = Overlay(),
) -> str:
    """The route over the cameras around it, times in the zone `tz`. `truth` lists cameras really passed, in order."""
    really = [graph.places[camera] for camera in truth or () if camera in graph.places]
    shown = [visit.place for visit in route.visits] + really or list(graph.places.values())
    frame = Frame.around([(place.latitude, place.longitude) for place in shown], _MAP)
    zone = ZoneInfo(tz)
    drawing = Drawing(route, frame, markers(route.visits, frame), language, zone, overlay.contacts)
    extras = Extras(truth is not None, bool(overlay.out), overlay.preset if overlay.contacts else "")
    layers = [
        cameras(graph, frame, overlay.out),
        truth_band(really, frame),
        drawing.stays(),
        drawing.ways(),
        drawing.visits(),
    ]
    parts = [
        _head(route, title, language, zone),
        _area(fill=PAPER, stroke="#dcd6c8"),
        element("g", *layers, clip_path="url(#map)"),
        _scale(frame),
        _north(language),
        timeline(route, _PANEL, language, zone, extras),
        legend(_PANEL, language, extras),
        text(words("note", language), _MAP[0], HEIGHT - 22, **SMALL | {"fill": QUIET}),
    ]
    parts += [] if route.visits else [_never(language)]
    return _sheet(title, parts)


def _sheet(title: str, parts: Sequence[str]) -> str:
    defs = element("defs", element("clipPath", _area(), id="map"))
    paper = element("rect", width=WIDTH, height=HEIGHT, fill="#ffffff")
    name = element("title", escaped(title))
    about = {"viewBox": f"0 0 {WIDTH:.0f} {HEIGHT:.0f}", "role": "img", "font_family": FONTS}
    return element("svg", name, defs, paper, *parts, xmlns="http://www.w3.org/2000/svg", **about)


def _area(**attributes: str) -> str:
    return element("rect", x=_MAP[0], y=_MAP[1], width=_MAP[2], height=_MAP[3], rx=10.0, **attributes)


def _head(route: Route, title: str, language: Language, zone: ZoneInfo) -> str:
    start, end = (f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" for moment in route.window)
    span = words("from_to", language, start=start, end=end) + " · " + words("zone", language, zone=zone.key)
    return text(title, _MAP[0], 40.0, **TITLE) + text(span, _MAP[0], 64.0, **PLAIN | {"fill": QUIET})


def _scale(frame: Frame) -> str:
    metres, length = frame.scale_bar(180.0)
    x, y = _MAP[0] + 20, _MAP[1] + _MAP[3] - 20
    label = f"{metres / 1000:g} km" if metres >= 1000 else f"{metres:g} m"
    ends = [(x, y - 5), (x, y), (x + length, y), (x + length, y - 5)]
    halo = path(ends, stroke="#ffffff", stroke_width=5.0, stroke_opacity=0.8)
    return (
        halo
        + path(ends, stroke=INK, stroke_width=1.6)
        + text(label, x + length / 2, y - 7, text_anchor="middle", **SMALL)
    )


def _north(language: Language) -> str:
    x, y = _MAP[0] + _MAP[2] - 30, _MAP[1] + 46
    left = element("path", d="M0 -22 L-8 10 L0 4 Z", fill=INK)
    right = element("path", d="M0 -22 L8 10 L0 4 Z", fill="#ffffff", stroke=INK, stroke_linejoin="round")
    letter = text(words("north", language), 0.0, 25.0, text_anchor="middle", **HEADING)
    return element("g", left, right, letter, transform=f"translate({x:.1f} {y:.1f})")


def _never(language: Language) -> str:
    x, y = _MAP[0] + _MAP[2] / 2, _MAP[1] + _MAP[3] / 2
    card = element("rect", x=x - 230, y=y - 46, width=460.0, height=84.0, rx=10.0, fill="#ffffff", fill_opacity=0.92)
    first = text(words("never_seen", language), x, y - 8, text_anchor="middle", **TITLE | {"font_size": 19})
    return (
        card + first + text(words("never_hint", language), x, y + 18, text_anchor="middle", **PLAIN | {"fill": QUIET})
    )
