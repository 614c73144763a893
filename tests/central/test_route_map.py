"""The route as a picture: well-formed, self-contained, escaped, in two languages, and nothing runs off its edge."""

from __future__ import annotations

import re
from datetime import timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.contacts.exposures import Exposure, contacts
from central.reports.map_drawing import contacts_by_visit, markers
from central.reports.map_frame import Frame, Labels
from central.reports.map_words import length
from central.reports.route_map import HEIGHT, WIDTH, Overlay, route_map_svg
from central.routes.reconstruct import Route, reconstruct
from central.search.candidates import Candidate
from shared.face_mask import FaceMask
from tests.central.test_reconstruct import GRAPH, LAWS, seen
from tests.central.town import WINDOW

SVG = "{http://www.w3.org/2000/svg}"


def route_of(*candidates: Candidate) -> Route:
    return reconstruct(candidates, GRAPH, WINDOW, LAWS, searched=2000)


def a_day() -> Route:
    """A walk, a stay, a gap of hours and a ride."""
    walk = [seen(f"cam-{x:02d}-04", 60 + 1.3 * x, 200, mask=FaceMask.WORN) for x in range(4)]
    stay = [seen("cam-06-06", 75, 200), seen("cam-06-06", 110, 200)]
    return route_of(*walk, *stay, seen("cam-06-07", 300, 200), seen("cam-11-00", 303, 200, mask=FaceMask.UNKNOWN))


def words_of(svg: str) -> list[str]:
    return [node.text or "" for node in ElementTree.fromstring(svg).iter(f"{SVG}text")]  # noqa: S314  (our own)


def paths_of(svg: str) -> list[dict[str, str]]:
    return [dict(node.attrib) for node in ElementTree.fromstring(svg).iter(f"{SVG}path")]  # noqa: S314  (our own)


def test_the_map_tells_the_day() -> None:
    """Numbered visits, local times, the stay's length and the gap's are on it, and so are scale and north."""
    route = a_day()
    assert len(route.visits) == 8
    words = words_of(route_map_svg(route, GRAPH, title="Case one"))
    shown = " ".join(words)
    assert "Case one" in words
    assert "10:00" in words  # 01:00 UTC in Seoul
    assert any(re.fullmatch(r"cam-06-06 · 35 min", one) for one in words)
    assert "3 h 10 min unseen" in shown
    assert {"N", "Legend", "Timeline"} <= set(words)
    assert any(re.fullmatch(r"[125]0* (m|km)", one) for one in words)


def test_times_follow_the_zone() -> None:
    """The same route in another zone shows that zone's times and name."""
    words = " ".join(words_of(route_map_svg(a_day(), GRAPH, title="x", tz="Europe/Berlin")))
    assert "02:00" in words
    assert "Europe/Berlin" in words
    assert "10:00" not in words


def test_the_map_speaks_korean() -> None:
    """Every word of the English map has a Korean one; only names, numbers and zones are shared."""
    english = set(words_of(route_map_svg(a_day(), GRAPH, title="")))
    korean = set(words_of(route_map_svg(a_day(), GRAPH, title="", language="ko")))
    left = {word for word in english & korean if re.search(r"[A-Za-z]{3}", word) and not word.startswith("cam-")}
    assert left == set()


def test_gaps_are_dashed_and_rides_have_their_own_colour() -> None:
    """The way over a gap is not drawn like a way that was walked."""
    lines = [
        node.attrib
        for node in ElementTree.fromstring(route_map_svg(a_day(), GRAPH, title="")).iter(f"{SVG}path")  # noqa: S314
        if " Q" in node.attrib["d"] and node.attrib["stroke"] != "#ffffff"
    ]
    dashed = [line for line in lines if "stroke-dasharray" in line]
    assert (len(lines), len(dashed)) == (6, 1)
    assert len({line["stroke"] for line in lines}) == 3


def test_the_truth_is_shown_when_it_is_given() -> None:
    """With the cameras really passed there is a band and a legend for it; unknown cameras are left out."""
    without = route_map_svg(a_day(), GRAPH, title="")
    with_truth = route_map_svg(a_day(), GRAPH, title="", truth=["cam-00-04", "cam-09-09", "no-camera"])
    assert "what really happened" in words_of(with_truth)
    assert "what really happened" not in words_of(without)
    assert with_truth.count('r="7"') == 2 + without.count('r="7"')


def test_the_true_way_is_dashed() -> None:
    """The truth is a dashed line, so that it is told from the route without its colour."""
    svg = route_map_svg(a_day(), GRAPH, title="", truth=["cam-00-04", "cam-09-09"])
    dashed = [node for node in paths_of(svg) if node.get("stroke-dasharray") == "5 5" and "L" in node["d"]]
    assert len(dashed) == 1


def test_cameras_that_were_out_are_crossed() -> None:
    """A camera that saw nothing for a while is a cross, and the legend says so; without one it does not."""
    svg = route_map_svg(a_day(), GRAPH, title="", overlay=Overlay(out={"cam-02-05"}))
    assert "out of order for a while" in words_of(svg)
    assert "out of order for a while" not in words_of(route_map_svg(a_day(), GRAPH, title=""))
    crosses = [node for node in paths_of(svg) if re.fullmatch(r"M\S+ \S+ l6 6 M\S+ \S+ l6 -6", node["d"])]
    assert len(crosses) == 2  # on the map and in the legend


def test_contacts_are_counted_where_they_were_met() -> None:
    """A diamond beside the visit says how many people were contacts there; the legend names the preset."""
    route = a_day()
    visit = route.visits[4]
    bare, until = FaceMask.ABSENT, visit.start + timedelta(minutes=20)
    facts = [Exposure(f"p{k}", visit.place, visit.start, until, 0.8, 0.0, bare, bare, 0.9) for k in range(3)]
    met = contacts(facts, "who-2021")
    assert len(met) == 3
    svg = route_map_svg(route, GRAPH, title="", overlay=Overlay(contacts=met, preset="who-2021"))
    assert contacts_by_visit(route, met)[4] == {one.pseudonym for one in met}
    assert not contacts_by_visit(route, met)[0]
    assert "contacts' pseudonyms (who-2021)" in words_of(svg)
    assert words_of(svg).count("3") == words_of(route_map_svg(route, GRAPH, title="")).count("3") + 1


def test_nobody_seen_is_told() -> None:
    """An empty route says so, and that it is no evidence."""
    for language, told in (("en", "Not seen by any camera"), ("ko", "보이지 않음")):
        assert told in " ".join(words_of(route_map_svg(route_of(), GRAPH, title="", language=language)))  # type: ignore[arg-type]


@given(st.text())
def test_any_title_is_escaped(title: str) -> None:
    """Whatever the title holds, the picture is well-formed and has no element of the title's making."""
    root = ElementTree.fromstring(route_map_svg(route_of(), GRAPH, title=f"<script>{title}"))  # noqa: S314
    assert not list(root.iter(f"{SVG}script"))
    assert (next(root.iter(f"{SVG}title")).text or "").startswith("<script>")


def test_nothing_is_fetched_and_nothing_is_styled() -> None:
    """The picture holds no link, script, style or foreign content, so that the strictest page can show it."""
    svg = route_map_svg(a_day(), GRAPH, title="Case", truth=["cam-00-04"])
    assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"<(script|style|image|foreignObject|use|a)\b|\bstyle=|href|\bon\w+=", svg)


def test_no_position_lies_outside_the_picture() -> None:
    """Markers, labels and rows stay on the sheet, also with a hundred visits."""
    many = [seen(f"cam-{k % 12:02d}-{(k // 12) % 12:02d}", 20 + 5 * k, 180, name=f"n-{k}") for k in range(100)]
    svg = route_map_svg(route_of(*many), GRAPH, title="")
    for node in ElementTree.fromstring(svg).iter(f"{SVG}text"):  # noqa: S314
        assert 0 <= float(node.attrib["x"]) <= WIDTH
        assert 0 <= float(node.attrib["y"]) <= HEIGHT
    assert any("see the table" in word for word in words_of(svg))


def test_visits_whose_markers_would_cover_each_other_share_one() -> None:
    """No two markers overlap, and every visit is in exactly one."""
    route = route_of(*(seen(f"cam-{k:02d}-0{k % 2}", 60 + 2 * k, 180, name=f"n-{k}") for k in range(12)))
    frame = Frame.around([(v.place.latitude, v.place.longitude) for v in route.visits], (0, 0, 160, 160))
    found = markers(route.visits, frame)
    assert sorted(i for marker in found for i in marker.visits) == list(range(len(route.visits)))
    for k, one in enumerate(found):
        for other in found[:k]:
            across, down = abs(one.at[0] - other.at[0]), abs(one.at[1] - other.at[1])
            assert across >= one.half_width + other.half_width or down >= 22


def test_labels_keep_out_of_each_others_way() -> None:
    """Of many labels for one point those that are placed do not overlap, and where there is no room there is none."""
    labels = Labels(Frame.around([(0.0, 0.0)], (0, 0, 200, 200)))
    corners = [labels.place((100, 100), (60, 17), 12) for _ in range(40)]
    placed = [corner for corner in corners if corner]
    assert 4 <= len(placed) < 40
    for k, (x, y) in enumerate(placed):
        assert all(abs(x - u) >= 60 or abs(y - v) >= 17 for u, v in placed[:k])


@pytest.mark.parametrize(("minutes", "english", "korean"), [(5.4, "5 min", "5분"), (190, "3 h 10 min", "3시간 10분")])
def test_long_times_are_told_in_hours(minutes: float, english: str, korean: str) -> None:
    """Minutes up to three hours, then hours."""
    assert (length(minutes, "en"), length(minutes, "ko")) == (english, korean)


def test_the_window_is_told_in_local_time() -> None:
    """The head says from when to when was searched."""
    start = (WINDOW[0] + timedelta(hours=9)).strftime("%Y-%m-%d %H:%M")
    assert any(start in word for word in words_of(route_map_svg(route_of(), GRAPH, title="")))
