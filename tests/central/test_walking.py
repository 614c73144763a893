"""Ways on foot by OpenStreetMap: what is walked on, how far it is, and what a route makes of it."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.sparse.csgraph import dijkstra

from central.routes.between import gaps, legs
from central.routes.camera_graph import DETOUR, MODES, CameraGraph, CameraPlace
from central.routes.movement import log_next
from central.routes.observations import observe
from central.routes.reconstruct import movements, weighed
from central.routes.route import Visit
from central.routes.travel import log_transition
from central.routes.watching import on_the_way
from central.search.candidates import Candidate
from central.walking import build as building
from central.walking.build import build, detours
from central.walking.command import REACH_M
from central.walking.errors import BadExtract, NoWays, TooDense
from central.walking.network import Network, contracted
from central.walking.ways import Ways
from shared.errors import BadInput
from tests.central.street_map import BRIDGE, NORTH, ROAD, SOUTH, StreetMap, camera, river
from tests.central.test_reconstruct import LAWS, seen
from tests.central.town import WINDOW

NOW = datetime(2026, 11, 26, tzinfo=UTC)
CAMERAS = (NORTH, SOUTH, BRIDGE)
OVER_THE_BRIDGE = 600 + 200 + 600
HELSINKI = Path(__file__).parents[3] / "shared" / "data" / "geo" / "Helsinki.osm.pbf"


def built(folder: Path, streets: StreetMap, cameras: Sequence[CameraPlace] = CAMERAS, reach_m: float = 2000.0) -> Ways:
    return build(streets.write(folder / "map.osm.pbf"), cameras, NOW, lambda _: None, reach_m)


def metres(ways: Ways, one: str, other: str) -> float:
    """Inf where they are out of reach, nan where nothing is known."""
    graph = CameraGraph([place_in(ways, name) for name in ways.names], ways)
    assert graph.fit is not None
    walked = ways.between(graph.fit.known, graph.index).between_m(
        np.array(graph.index[one]), np.array(graph.index[other])
    )
    return float(walked)


def place_in(ways: Ways, name: str) -> CameraPlace:
    at = ways.names.index(name)
    return CameraPlace(name, float(ways.latitude[at]), float(ways.longitude[at]), indoor=False, cell="c-1")


@pytest.fixture(scope="module")
def ways(tmp_path_factory: pytest.TempPathFactory) -> Ways:
    return built(tmp_path_factory.mktemp("river"), river())


def test_the_way_to_the_other_bank_is_over_the_bridge(ways: Ways) -> None:
    """220 m across the river are 1,400 m on foot; to the bridge it is 700 m from either bank."""
    assert metres(ways, "cam-n", "cam-s") == pytest.approx(OVER_THE_BRIDGE, abs=2)
    assert metres(ways, "cam-n", "cam-x") == pytest.approx(700, abs=2)
    assert metres(ways, "cam-s", "cam-x") == pytest.approx(700, abs=2)


def test_cameras_on_one_piece_of_street_are_as_far_apart_as_along_it(tmp_path: Path) -> None:
    """Between two corners, the way from camera to camera is along the street and not by its corners."""
    three = [camera("cam-a", 100, 105), camera("cam-b", 400, 95), camera("cam-c", 250, 90)]
    found = built(tmp_path, river(), three)
    assert metres(found, "cam-a", "cam-b") == pytest.approx(300, abs=1)
    assert metres(found, "cam-a", "cam-c") == pytest.approx(150, abs=1)


@pytest.mark.parametrize(
    "bridge",
    [
        {"highway": "residential", "oneway": "yes"},
        {"highway": "residential", "oneway": "-1"},
        {"highway": "steps"},
        {"highway": "footway", "access": "permissive"},
        {"highway": "cycleway"},
        {"highway": "trunk"},
        {"highway": "service", "access": "private", "foot": "yes"},
        {"highway": "motorway", "foot": "designated"},
        {"man_made": "pier"},
        {"railway": "platform"},
    ],
)
def test_what_one_may_walk_on_is_walked(tmp_path: Path, bridge: dict[str, str]) -> None:
    """One-way streets bind no walker; stairs, footways, platforms and private ways open to walkers are walked."""
    assert metres(built(tmp_path, river(**bridge)), "cam-n", "cam-s") == pytest.approx(OVER_THE_BRIDGE, abs=2)


@pytest.mark.parametrize(
    "bridge",
    [
        {"highway": "motorway"},
        {"highway": "motorway_link"},
        {"highway": "trunk", "motorroad": "yes"},
        {"highway": "service", "access": "private"},
        {"highway": "footway", "access": "no"},
        {"highway": "residential", "foot": "no"},
        {"highway": "construction"},
        {"highway": "proposed"},
        {"railway": "rail", "foot": "yes"},
        {"waterway": "weir"},
    ],
)
def test_where_nobody_may_walk_there_is_no_way(tmp_path: Path, bridge: dict[str, str]) -> None:
    """Over a motorway, a private way or one that is being built nobody comes to the other bank."""
    assert metres(built(tmp_path, river(**bridge)), "cam-n", "cam-s") == math.inf


@pytest.mark.parametrize(
    ("gate", "passed"),
    [
        ({"barrier": "gate", "access": "private"}, False),
        ({"barrier": "wall"}, False),
        ({"barrier": "gate", "foot": "no"}, False),
        ({"barrier": "gate"}, True),
        ({"barrier": "gate", "access": "private", "foot": "yes"}, True),
        ({"barrier": "bollard", "access": "no"}, True),
    ],
)
def test_gates_that_are_private_are_shut(tmp_path: Path, gate: dict[str, str], passed: bool) -> None:
    """Nobody walks through a wall or a private gate; bollards keep only cars out."""
    streets = river()
    streets.ways[-1] = ([(600.0, 100.0), (600.0, 0.0), (600.0, -100.0)], ROAD)
    streets.points[600.0, 0.0] = gate
    assert math.isfinite(metres(built(tmp_path, streets, [NORTH, SOUTH]), "cam-n", "cam-s")) == passed


def test_a_square_is_walked_around_on_its_outlines(tmp_path: Path) -> None:
    """Squares are areas: one way around them, or several, which say nothing themselves."""
    square = ((0.0, 100.0), (50.0, 0.0), (0.0, -100.0), (-50.0, 0.0), (0.0, 100.0))
    one = river(highway="motorway").way(*square, highway="pedestrian", area="yes")
    assert metres(built(tmp_path, one), "cam-n", "cam-s") == pytest.approx(2 * math.hypot(100, 50), abs=2)
    several = river(highway="motorway").way(*square[:3], surface="stone").way(*square[2:], surface="stone")
    several.areas.append(((3, 4), {"highway": "pedestrian"}))
    (tmp_path / "map.osm.pbf").unlink()
    assert metres(built(tmp_path, several), "cam-n", "cam-s") == pytest.approx(2 * math.hypot(100, 50), abs=2)


def test_a_scrap_of_way_that_leads_nowhere_is_no_network(tmp_path: Path) -> None:
    """A camera at a courtyard's path, which hangs together with nothing, hangs at the street beside it."""
    streets = river().way((0.0, 130.0), (40.0, 130.0), highway="footway")
    near = [camera("cam-c", 0, 128), NORTH, SOUTH]
    assert metres(built(tmp_path, streets, near), "cam-c", "cam-n") < 30


def test_a_camera_far_from_any_way_keeps_the_straight_line(tmp_path: Path) -> None:
    """300 m from the next way nothing is known: the detour factor is what is left, and the fit says so."""
    lone = camera("cam-far", -300, 400)
    found = built(tmp_path, river(), [*CAMERAS, lone])
    graph = CameraGraph([*CAMERAS, lone], found)
    assert graph.fit is not None
    assert graph.fit.far == ["cam-far"]
    a, b = np.array(graph.index["cam-far"]), np.array(graph.index["cam-n"])
    assert graph.way_m(a, b) == DETOUR * graph.straight_m(a, b)


def test_a_camera_that_was_moved_or_is_new_keeps_the_straight_line(ways: Ways) -> None:
    """The network was built for where it hung: elsewhere now, it is told about and falls back; others do not."""
    graph = CameraGraph([NORTH, camera("cam-s", 0, -125), BRIDGE, camera("cam-new", 0, 0)], ways)
    assert graph.fit is not None
    assert (graph.fit.moved, graph.fit.unknown) == (["cam-s"], ["cam-new"])
    n, s, x = (np.array(graph.index[name]) for name in ("cam-n", "cam-s", "cam-x"))
    assert graph.way_m(n, s) == DETOUR * graph.straight_m(n, s)
    assert graph.way_m(n, x) == pytest.approx(700, abs=2)


def test_beyond_the_reach_a_way_is_at_least_as_long(tmp_path: Path) -> None:
    """Two banks without a bridge are near each other and yet farther than the reach, not a detour factor apart."""
    graph = CameraGraph(CAMERAS, built(tmp_path, river(highway="motorway"), reach_m=1500))
    n, s = np.array(graph.index["cam-n"]), np.array(graph.index["cam-s"])
    assert graph.way_m(n, s) == 1500


strewn = st.lists(st.tuples(st.integers(-700, 1000), st.integers(-180, 180)), min_size=2, max_size=12)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(strewn, st.randoms())
def test_ways_are_never_shorter_than_straight_and_the_same_both_ways_and_in_any_order(
    tmp_path: Path, points: list[tuple[int, int]], shuffled: object
) -> None:
    """Wherever cameras hang, as near to each other as they may."""
    (tmp_path / "map.osm.pbf").unlink(missing_ok=True)
    cameras = [camera(f"cam-{k}", *point) for k, point in enumerate(points)]
    found = built(tmp_path, river(), cameras)
    other = list(cameras)
    shuffled.shuffle(other)  # type: ignore[attr-defined]  # a random.Random
    (tmp_path / "map.osm.pbf").unlink()
    again = built(tmp_path, river(), other)
    assert (again.names, again.metres.tolist()) == (found.names, found.metres.tolist())
    graph = CameraGraph(cameras, found)
    every = np.arange(len(graph))
    way, line = graph.way_m(every[:, None], every), graph.straight_m(every[:, None], every)
    assert (way >= line).all()
    assert (way == way.T).all()
    assert (np.diag(way) == 0).all()
    assert all((graph.way_m(every, np.array(k)) == way[:, k]).all() for k in every)


@given(st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14), st.integers(1, 50)), min_size=1, max_size=40))
def test_leaving_out_bends_changes_no_distance(pieces: list[tuple[int, int, int]]) -> None:
    """Between the points that are kept, the shortest ways are as long as before."""
    least: dict[tuple[int, int], int] = {}
    for a, b, far in pieces:
        if a != b:
            least[min(a, b), max(a, b)] = min(far, least.get((min(a, b), max(a, b)), far))
    if not least:
        return
    ends = np.array(list(least))
    whole = Network(15, ends[:, 0], ends[:, 1], np.array(list(least.values()), np.float64))
    keep = np.unique(np.concatenate([whole.one, whole.other]))[:4]
    small, at = contracted(whole, keep)
    assert small.size <= whole.size
    before, after = dijkstra(whole.matrix(), indices=keep)[:, keep], dijkstra(small.matrix(), indices=at)[:, at]
    assert np.allclose(before, after)


# What a route makes of it.


def at_bank(name: str, minutes: float) -> Candidate:
    return seen(name, minutes, 240, name=f"n-{name}")


def test_who_came_over_the_bridge_in_the_time_that_this_needs_is_preferred(ways: Ways) -> None:
    """After the north bank, the south bank is reached in 17 minutes rather than in 3; without a network it is the other
    way round."""
    needed = OVER_THE_BRIDGE / MODES[0].usual_m_s / 60
    early, late = 3.0, needed

    def liked(graph: CameraGraph, minutes: float) -> float:
        observations = observe([at_bank("cam-n", 60), at_bank("cam-s", 60 + minutes)], graph, WINDOW, LAWS)
        return float(log_next(graph, observations, 1, 2)[0, 0])

    streets, lines = CameraGraph(CAMERAS, ways), CameraGraph(CAMERAS)
    assert liked(streets, late) > liked(streets, early) + 1
    assert liked(lines, early) > liked(lines, late) + 1


@pytest.mark.parametrize("streets", [True, False])
def test_steps_that_are_made_together_are_those_made_one_by_one(ways: Ways, streets: bool) -> None:
    """To each sighting from every earlier one, whatever number of them is made at once."""
    names, graph = [one.camera for one in CAMERAS], CameraGraph(CAMERAS, ways if streets else None)
    some = [at_bank(names[at * 7 % len(names)], 60 + at * at % 41 + at / 10) for at in range(40)]
    observed = observe(some, graph, WINDOW, LAWS)
    assert len(observed) == 40
    for first, last in ((0, 40), (13, 40), (20, 21), (0, 1)):
        together = log_next(graph, observed, first, last)
        for j in range(first, last):
            alone = log_next(graph, observed, j, j + 1)[0, :j]
            assert np.array_equal(together[j - first, :j], alone)
    assert [len(way) for way in movements(observed, graph)] == list(range(40))


def test_of_two_alike_the_one_who_had_time_for_the_bridge_is_the_surer(ways: Ways) -> None:
    """Two sightings on the south bank, equally alike, of which one came too early: the later one is taken for surer."""
    some = [
        at_bank("cam-n", 60),
        at_bank("cam-x", 60 + 700 / 1.34 / 60),
        at_bank("cam-s", 77.5),
        at_bank("cam-s", 62.5),
    ]

    def sure(graph: CameraGraph) -> dict[str, float]:
        found = weighed(some, graph, WINDOW, LAWS, searched=100_000)
        return dict(zip(found.names, found.confidence.tolist(), strict=True))

    streets, lines = sure(CameraGraph(CAMERAS, ways)), sure(CameraGraph(CAMERAS))
    late, early = some[2].sighting, some[3].sighting
    assert streets[late] > streets[early]
    assert streets[early] < lines[early]


def test_by_bus_the_river_is_still_crossed(ways: Ways) -> None:
    """Three minutes are too few on foot and enough on wheels: it stays possible, only less likely."""
    streets, lines = CameraGraph(CAMERAS, ways), CameraGraph(CAMERAS)
    n, s = np.array(streets.index["cam-n"]), np.array(streets.index["cam-s"])
    by_streets, by_lines = (float(log_transition(graph, n, s, np.array(180.0))) for graph in (streets, lines))
    assert -math.inf < by_streets < by_lines


def test_legs_are_as_long_as_the_way_and_show_who_rode(ways: Ways) -> None:
    """1.4 km over the bridge: in 17 minutes on foot, in 3 minutes not."""
    graph = CameraGraph(CAMERAS, ways)

    def visits(minutes: float) -> list[Visit]:
        some = [at_bank("cam-n", 60), at_bank("cam-s", 60 + minutes)]
        return [Visit(one, 1.0, graph.places[one.camera]) for one in some]

    (walked,), (rode,) = legs(visits(17), (), graph), legs(visits(3), (), graph)
    assert walked.metres == pytest.approx(OVER_THE_BRIDGE, abs=2)
    assert (walked.mode, rode.mode) == ("walk", "ride")


def test_a_gap_between_two_banks_leads_past_the_bridge(ways: Ways) -> None:
    """A camera at the bridge could have seen who walked around; by the straight line it is aside."""
    for graph, passed in ((CameraGraph(CAMERAS, ways), True), (CameraGraph(CAMERAS), False)):
        visits = [Visit(one, 1.0, graph.places[one.camera]) for one in (at_bank("cam-n", 60), at_bank("cam-s", 120))]
        (gap,) = [one for one in gaps(visits, (), graph, WINDOW) if one.after == 0]
        assert (graph.index["cam-x"] in on_the_way(gap, visits, graph)) == passed


def test_a_camera_graph_without_a_network_is_as_ever(ways: Ways) -> None:
    """Also one of cameras that the network does not know: every density is the same, bit by bit."""
    names = {"cam-n": "cam-1", "cam-s": "cam-2", "cam-x": "cam-3"}
    others = [CameraPlace(names[c.camera], c.latitude, c.longitude, c.indoor, c.cell) for c in CAMERAS]
    every, seconds = np.arange(3), np.array(400.0)
    plain, strange = CameraGraph(others), CameraGraph(others, ways)
    for a in every:
        assert (plain.way_m(np.array(a), every) == strange.way_m(np.array(a), every)).all()
        one, other = (log_transition(graph, np.array(a), every, seconds) for graph in (plain, strange))
        assert (one == other).all()
    some = [at_bank("cam-1", 60), at_bank("cam-2", 63), at_bank("cam-3", 70)]
    of = [weighed(some, graph, WINDOW, LAWS, searched=1000).confidence.tolist() for graph in (plain, strange)]
    assert of[0] == of[1]


# Files that are none.


@pytest.mark.parametrize(
    "content", [b"", b"garbage" * 100, b"<?xml version='1.0'?><osm version='0.6'></osm>", b"PK\x03\x04" + b"\0" * 500]
)
def test_what_is_no_extract_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty file, garbage, XML or an archive is told from a map, with what to do."""
    file = tmp_path / "map.osm.pbf"
    file.write_bytes(content)
    with pytest.raises(BadExtract) as refused:
        build(file, CAMERAS, NOW, lambda _: None, REACH_M)
    assert refused.value.hint


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.floats(0, 0.999))
def test_half_an_extract_is_refused(tmp_path: Path, share: float) -> None:
    """Wherever the loading broke off, it ends with a named refusal and not with a trace."""
    whole = tmp_path / "whole.osm.pbf"
    if not whole.exists():
        river().write(whole)
    cut = tmp_path / "cut.osm.pbf"
    raw = whole.read_bytes()
    cut.write_bytes(raw[: int(share * len(raw))])
    with pytest.raises(BadExtract):
        build(cut, CAMERAS, NOW, lambda _: None, REACH_M)


def test_an_extract_of_another_continent_is_refused(tmp_path: Path) -> None:
    """It says which degrees an extract must hold, so that the right one can be found."""
    far = [CameraPlace("cam-a", 60.17, 24.94, indoor=False, cell="c-1")]
    with pytest.raises(NoWays, match="near any camera") as refused:
        built(tmp_path, river(), far)
    assert "latitude 60.1" in refused.value.hint


def test_an_extract_without_ways_is_refused(tmp_path: Path) -> None:
    """Rivers and houses alone are no network."""
    houses = StreetMap().way((0.0, 0.0), (10.0, 0.0), (10.0, 10.0), (0.0, 0.0), building="yes")
    with pytest.raises(NoWays):
        built(tmp_path, houses)


@pytest.mark.parametrize("name", ["", "missing.osm.pbf", "https://example.org/map.osm.pbf"])
def test_what_is_not_there_is_refused_and_fetched_from_nowhere(tmp_path: Path, name: str) -> None:
    """A folder, a missing file, or an address, which the library would load from the net."""
    with pytest.raises(BadExtract):
        build(tmp_path / name if not name.startswith("https") else Path(name), CAMERAS, NOW, lambda _: None, REACH_M)


def test_no_camera_and_no_reach_are_refused(tmp_path: Path) -> None:
    """Nothing is built for nobody, and nobody walks a hundred kilometres between two cameras."""
    with pytest.raises(BadInput, match="no camera"):
        built(tmp_path, river(), [])
    for reach_m in (0.0, -1.0, 1e5, math.nan):
        with pytest.raises(BadInput, match="reach"):
            build(tmp_path / "map.osm.pbf", CAMERAS, NOW, lambda _: None, reach_m)


def test_more_pairs_than_fit_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before they fill the memory; a shorter reach has fewer."""
    monkeypatch.setattr(building, "MOST_PAIRS", 2)
    with pytest.raises(TooDense, match="pairs") as refused:
        built(tmp_path, river())
    assert "--reach" in refused.value.hint


def test_a_real_extract_gives_ways_about_a_quarter_longer_than_straight() -> None:
    """300 cameras strewn over the middle of Helsinki: nearly all hang near a way, and ways are as long as is known of
    grown cities."""
    if not HELSINKI.exists():
        assert os.environ.get("CI") != "true", f"{HELSINKI} is missing"
        pytest.skip(f"{HELSINKI} is not here")
    rng = np.random.default_rng(1)
    places = zip(rng.uniform(60.1641, 60.1791, 300), rng.uniform(24.9352, 24.9534, 300), strict=True)
    cameras = [CameraPlace(f"cam-{k:03d}", lat, lon, indoor=False, cell="c-1") for k, (lat, lon) in enumerate(places)]
    words: list[str] = []
    found = build(HELSINKI, cameras, NOW, words.append, 2000.0)
    assert found.near_way.mean() > 0.98
    assert len(found.metres) > 40_000
    assert 1.2 < np.median(detours(found)) < 1.4
    assert found.source.dated is not None
    assert found.source.dated - datetime(2019, 4, 17, tzinfo=UTC) < timedelta(days=5)
    assert any("ends within" in line for line in words)
