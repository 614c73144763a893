"""Beside the map: what happened in order of time, and what the signs mean."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from central.reports.map_drawing import cross, diamond
from central.reports.map_frame import Box
from central.reports.map_style import (
    BADGE,
    CAMERA,
    GAP,
    HEADING,
    MASKS,
    QUIET,
    RIDE,
    SMALL,
    STAY,
    SURE,
    TRUTH,
    TRUTH_LINE,
    WAY,
)
from central.reports.map_words import Language, length, words
from central.reports.svg import element, text
from central.routes.route import Gap, Route, Stay

_LINE = 22.0
_LEGEND_LINES = 13
_LONGEST_NAME = 18
_PLACE_AT = 116.0
_WIDE_NUMBER = 4  # signs that fit into a badge in the usual size


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the timeline: a visit, a stay of several, or a gap; `number` is the visit's, from 1."""

    start: datetime
    end: datetime
    number: str
    place: str
    colour: str
    sure: bool
    part: Stay | Gap | None


def rows(route: Route) -> Iterator[Row]:
    """Visits in order, those of one stay drawn together, with the gaps between."""
    stays = {stay.first: stay for stay in route.stays}
    gaps = {gap.after: gap for gap in route.gaps}
    if -1 in gaps:
        yield _gap_row(gaps[-1])
    i = 0
    while i < len(route.visits):
        visit, stay = route.visits[i], stays.get(i)
        last = stay.last if stay else i
        number = f"{i + 1}" if last == i else f"{i + 1}–{last + 1}"
        colour, sure = MASKS[visit.candidate.mask], visit.confidence >= SURE
        end = stay.end if stay else visit.end
        yield Row(visit.start, end, number, visit.place.camera, colour, sure, stay)
        if last in gaps:
            yield _gap_row(gaps[last])
        i = last + 1


def timeline(route: Route, box: Box, language: Language, zone: ZoneInfo, extras: Extras) -> str:
    """The rows that fit above the legend; what is left out is counted."""
    x, y = box[0], box[1] + 14
    room = int((box[3] - (_LEGEND_LINES + extras.lines) * 18 - 40) / _LINE)
    found = list(rows(route))
    shown = found if len(found) <= room else found[: room - 1]
    lines = [_row(row, x, y + 26 + k * _LINE, language, zone) for k, row in enumerate(shown)]
    if len(shown) < len(found):
        more = words("more", language, n=len(found) - len(shown))
        lines.append(text(more, x, y + 26 + len(shown) * _LINE + 4, **SMALL | {"fill": QUIET}))
    return element("g", text(words("timeline", language), x, y, **HEADING), *lines)


@dataclass(frozen=True, slots=True)
class Extras:
    """Signs that only some maps have: the truth, crossed cameras, and contacts by a preset."""

    truth: bool = False
    out: bool = False
    preset: str = ""

    @property
    def lines(self) -> int:
        return self.out + bool(self.preset)


def legend(box: Box, language: Language, extras: Extras) -> str:
    """Every sign on the map, from the bottom of the box up."""
    signs = [
        (_dot(CAMERA, 2.4), words("camera", language)),
        (element("rect", x=8, y=-2.5, width=5, height=5, fill=CAMERA), words("indoor_camera", language)),
        (_line(WAY), words("walked", language)),
        (_line(RIDE), words("rode", language)),
        (_line(GAP, "2 5"), words("gap", language)),
        (element("circle", cx=10.5, cy=0, r=7, fill=STAY, fill_opacity=0.28, stroke=STAY), words("stay", language)),
    ]
    if extras.truth:
        signs.append((_line(TRUTH, width=8.0, opacity=0.4) + _line(TRUTH_LINE, "5 5", 1.6), words("truth", language)))
    if extras.out:
        signs.append((cross(10.5, 0.0), words("out", language)))
    if extras.preset:
        signs.append((diamond(10.5, 10.0, 2), words("contacts", language, preset=extras.preset)))
    masks = [(_dot(colour, 6.0), words(mask.label, language)) for mask, colour in MASKS.items()]
    unsure = element("circle", cx=10.5, cy=0, r=5.5, fill="#ffffff", stroke=QUIET, stroke_width=2)
    height = 18.0
    top = box[1] + box[3] - (len(signs) + 3 + 1) * height - 12
    drawn = [text(words("legend", language), box[0], top, **HEADING)]
    drawn += [_sign(sign, label, box[0], top + (k + 1) * height) for k, (sign, label) in enumerate(signs)]
    below = top + (len(signs) + 1) * height + 8
    drawn.append(text(words("mask", language), box[0], below, **HEADING))
    for k, (sign, label) in enumerate(masks):
        drawn.append(_sign(sign, label, box[0] + 132 * (k % 2), below + height * (1 + k // 2)))
    drawn.append(_sign(unsure, words("unsure", language), box[0], below + 3 * height))
    return element("g", *drawn)


def _gap_row(gap: Gap) -> Row:
    return Row(gap.start, gap.end, "", "", GAP, True, gap)


def _row(row: Row, x: float, y: float, language: Language, zone: ZoneInfo) -> str:
    start, end = row.start.astimezone(zone), row.end.astimezone(zone)
    if isinstance(row.part, Gap):
        bar = element(
            "path",
            d=f"M{x + 14:.1f} {y - 9:.1f} v18",
            stroke=GAP,
            stroke_width=2.4,
            stroke_dasharray="1 5",
            stroke_linecap="round",
        )
        words_of_gap = words("unseen", language, length=length(row.part.minutes, language))
        when = text(f"{start:%H:%M}–{end:%H:%M}", x + 36, y + 4, **SMALL | {"fill": GAP})
        return bar + when + text(words_of_gap, x + _PLACE_AT, y + 4, **SMALL | {"fill": GAP})
    fill, ink = (row.colour, "#ffffff") if row.sure else ("#ffffff", row.colour)
    badge = element(
        "rect", x=x, y=y - 8.5, width=29.0, height=17.0, rx=8.5, fill=fill, stroke=row.colour, stroke_width=1.6
    )
    number_size = {"font_size": 9} if len(row.number) > _WIDE_NUMBER else {}
    number = text(row.number, x + 14.5, y + 4, fill=ink, **BADGE | number_size)
    when = f"{start:%H:%M}–{end:%H:%M}" if row.part else f"{start:%H:%M}"
    place = row.place if len(row.place) <= _LONGEST_NAME else row.place[: _LONGEST_NAME - 1] + "…"
    stay = " · " + length(row.part.minutes, language) if row.part else ""
    return badge + number + text(when, x + 36, y + 4, **SMALL) + text(place + stay, x + _PLACE_AT, y + 4, **SMALL)


def _sign(sign: str, label: str, x: float, y: float) -> str:
    return element("g", sign, text(label, 30.0, 4.0, **SMALL), transform=f"translate({x:.1f} {y:.1f})")


def _dot(colour: str, radius: float) -> str:
    return element("circle", cx=10.5, cy=0, r=radius, fill=colour)


def _line(colour: str, dashes: str = "", width: float = 2.6, opacity: float = 1.0) -> str:
    dash = {"stroke_dasharray": dashes, "stroke_linecap": "round"} if dashes else {}
    return element("path", d="M0 0 h22", stroke=colour, stroke_width=width, stroke_opacity=opacity, **dash)
