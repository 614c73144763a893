"""Routes from what no quiet day brings: very many candidates, a moved camera, several days, nobody at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from central.batches.store import Seen
from central.routes.camera_graph import CameraGraph
from central.routes.observations import MOST, weigh
from central.routes.reconstruct import reconstruct, weighed
from central.routes.searched import Searched
from central.routes.service import searched_of
from central.search.candidates import Candidate
from central.search.case_search import SearchAnswer
from shared.epochs import Modality
from shared.face_mask import FaceMask
from shared.releases import CaseScope
from tests.central.test_reconstruct import GRAPH, KEY, LAWS, days, names, route_of, seen
from tests.central.town import START, WINDOW

MANY = 200_000


def test_of_two_hundred_thousand_candidates_only_the_likeliest_are_weighed() -> None:
    """The likeliest are weighed, the patient's walk among them; all others are set aside and counted, so that
    memory and time do not grow with the square of their number."""
    rng = np.random.default_rng(5)
    minutes, distance = rng.uniform(0, 590, MANY), rng.integers(345, 384, MANY)
    places = rng.integers(0, 12, (MANY, 2))
    base = {(x, y): seen(f"cam-{x:02d}-{y:02d}", 0, 380) for x in range(12) for y in range(12)}
    crowd = []
    for k in range(MANY):
        one, at = base[int(places[k, 0]), int(places[k, 1])], START + timedelta(minutes=float(minutes[k]))
        end = at + timedelta(seconds=6)
        crowd.append(replace(one, sighting=f"n-2/1/{k}", start=at, end=end, distance=int(distance[k])))
    walk = [seen(f"cam-{x:02d}-04", 60 + 1.2 * x, 150) for x in range(4)]
    route = route_of([*crowd, *walk], searched=100_000_000)
    assert route.unplaced == MANY + len(walk) - MOST
    assert set(names(route)) >= {one.sighting for one in walk}


def test_sightings_of_a_camera_from_before_it_was_moved_are_set_aside() -> None:
    """A camera that hangs in another cell since noon: the centre knows where it is, and not where it was."""
    before, after = seen("cam-03-04", 60, 200), seen("cam-03-04", 300, 200)
    moved = [
        replace(place, cell="c-2", latitude=place.latitude + 0.02) if place.camera == "cam-03-04" else place
        for place in GRAPH.places.values()
    ]
    after = replace(after, epoch=replace(after.epoch, cell="c-2"))
    route = reconstruct([before, after], CameraGraph(moved), WINDOW, LAWS, searched=1000, pseudonym_key=KEY)
    assert names(route) == [after.sighting]
    assert route.unplaced == 1


def test_a_window_of_several_days_is_one_route() -> None:
    """Walks on three days, with nights between: all visits in order, and each night a gap."""
    window = (WINDOW[0], WINDOW[0] + timedelta(days=3))
    walks = [seen(f"cam-{x:02d}-04", 24 * 60 * day + 60 + 1.2 * x, 200) for day in range(3) for x in range(4)]
    route = reconstruct(walks, GRAPH, window, LAWS, searched=100_000, pseudonym_key=KEY)
    assert names(route) == [one.sighting for one in walks]
    assert all(one.start <= later.start for one, later in pairwise(route.visits))
    nights = [gap for gap in route.gaps if gap.minutes > 20 * 60]
    assert [gap.after for gap in nights] == [3, 7, 11]


@given(days(), st.integers(0, 11), st.integers(0, 11))
def test_a_sighting_at_the_other_end_at_that_moment_is_never_on_the_same_route(
    candidates: list[Candidate], x: int, y: int
) -> None:
    """Whatever else was seen: of two sightings at two ends of the town at one moment at most one is the patient."""
    here, there = seen(f"cam-{x:02d}-{y:02d}", 595, 150, name="n-8"), seen("cam-00-00", 595.2, 150, name="n-9")
    if x + y < 4:
        return
    found = names(route_of([*candidates, here, there]))
    assert len({here.sighting, there.sighting}.intersection(found)) <= 1


@given(days())
def test_nobody_is_more_than_sure(candidates: list[Candidate]) -> None:
    """Every confidence is a probability, whatever was seen."""
    confidence = weighed(candidates, GRAPH, WINDOW, LAWS, searched=500).confidence
    assert ((confidence >= 0) & (confidence <= 1)).all()


def in_clothes(face: Candidate, distance: int) -> Candidate:
    return replace(face, modality=Modality.APPEARANCE, bits=512, distance=distance)


def test_clothes_that_are_near_to_one_of_two_pictures_say_less() -> None:
    """The nearer of two is near by chance more often; a sighting that is far from both says more against."""
    face = seen("cam-05-05", 100, 265)
    for distance in (100, 140):
        parts, two = [[face, in_clothes(face, distance)]], Searched(two_pictures=frozenset({face.epoch}))
        assert weigh(parts, LAWS, two).log_ratio[0] < weigh(parts, LAWS).log_ratio[0]


def test_the_clothes_that_were_handed_on_say_nothing_of_whose_they_are() -> None:
    """They were chosen because they are alike: a sighting whose clothes are looked for is weighed by its face."""
    face = seen("cam-05-05", 100, 265)
    both, source = [[face, in_clothes(face, 60)]], Searched(sources=frozenset({face.sighting}))
    assert weigh(both, LAWS, source).log_ratio[0] == weigh([[face]], LAWS).log_ratio[0] < weigh(both, LAWS).log_ratio[0]


def test_the_least_of_several_distances_has_a_law_of_its_own() -> None:
    """It sums to one and is nearer the more there are, for strangers as for the patient."""
    curve = LAWS.curve(in_clothes(seen("cam-05-05", 100), 100))
    reach = [curve.tables(nearest_of=count).other_reach for count in (1, 2, 5)]
    assert all(abs(one[-1] - 1) < 1e-6 for one in reach)
    assert reach[0][150] < reach[1][150] < reach[2][150] <= 5 * reach[0][150]


def test_a_face_is_compared_with_faces_only() -> None:
    """Sightings without a face are none of those among which a face was found; of those whose mask no box could tell
    as many show one as among the candidates, and where there is none at all everything counts."""
    scope = CaseScope("case-1", "act", "kim", *WINDOW, ("cell-1",), ("face",), WINDOW[1])
    told = [seen("cam-05-05", minutes, mask=FaceMask.WORN) for minutes in (10, 20, 30)]
    untold = seen("cam-05-05", 40, mask=FaceMask.UNKNOWN)

    def faces(*candidates: Candidate) -> int:
        return searched_of(scope, SearchAnswer(candidates, 1, 0), Seen(1000, 600)).sightings[Modality.FACE]

    assert (faces(*told), faces(*told, untold), faces(*told, untold, untold, untold)) == (600, 800, 1000)
    assert faces() == faces(untold) == 1000


def test_clothes_that_were_not_looked_for_were_compared_with_nothing() -> None:
    """Without a picture and with nothing handed on no clothes were compared; with either, some or all were."""
    scope = CaseScope("case-1", "act", "kim", *WINDOW, ("cell-1", "cell-2"), ("face", "appearance"), WINDOW[1])
    worn = in_clothes(seen("cam-05-05", 10), 60)

    def clothes(*candidates: Candidate, handed_on: tuple[int, int] = (0, 0)) -> int:
        answer = SearchAnswer(candidates, 1, 0, handed_on=handed_on)
        return searched_of(scope, answer, Seen(1000, 600)).sightings[Modality.APPEARANCE]

    assert (clothes(), clothes(worn), clothes(worn, handed_on=(1, len(scope.hours)))) == (0, 1000, 500)


def test_who_was_inside_for_hours_comes_out_near_where_they_went_in() -> None:
    """A doubtful sighting hours later next door is accepted; at the other end of town it is not."""
    before = seen("cam-02-04", 60, 200)
    near, far = (seen(camera, 300, 248) for camera in ("cam-03-04", "cam-11-11"))
    assert near.sighting in names(route_of([before, near]))
    assert far.sighting not in names(route_of([before, far]))
