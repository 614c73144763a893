"""A large city's stream, on a small one: the same however it is cut, true to its plan, and never whole in memory."""

from __future__ import annotations

import os
import tracemalloc
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from central.replay.read import read_scenario
from shared.face_mask import FaceMask
from tests.city.cell_hours import cell_hours
from tests.city.contact_truth import RULES
from tests.city.dark import all_outages
from tests.city.days import live
from tests.city.ground import Ground, make_ground
from tests.city.meetings import meetings
from tests.city.plan import HOUR, CityPlan
from tests.city.sites import REGISTER, ByRegister, Register, read_register
from tests.city.sizes import SIZES, plan_of
from tests.city.spill import Spill
from tests.city.stream import StreamedCity, Unit
from tests.city.streets import make_streets
from tests.city.tracks import Tracks, joined
from tests.city.write_stream import NoRoom, bytes_of, write_stream

FITTED = Register(None, "fitted")
PLAN = plan_of(
    "district", cameras=150, people=2000, block_people=300, group_cells=4, patients=4, seed=5, bus_lines=4,
    node_outage_share=0.05,
)  # fmt: skip

TINY = replace(PLAN, people=700, cameras=60, metro_lines=0, bus_lines=2)


def streamed(plan: CityPlan, folder: Path, at_once: int = 10_000) -> tuple[StreamedCity, list[Unit]]:
    city = StreamedCity(plan, folder, register=FITTED, at_once=at_once)
    return city, list(city.units())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[StreamedCity, list[Unit]]:
    return streamed(PLAN, tmp_path_factory.mktemp("work"))


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Ground:
    return make_ground(PLAN, FITTED, tmp_path_factory.mktemp("ground"))


@pytest.fixture(scope="module")
def tracks(ground: Ground) -> Tracks:
    every = joined([ground.tracks(block, 0) for block in range(ground.blocks)])
    return every.take(np.lexsort((every.camera, every.person, every.start)))


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder written with everything held at once."""
    return write_stream(TINY, tmp_path_factory.mktemp("many"), register=FITTED, at_once=10**9)


def test_the_same_seed_writes_the_same_bytes_whatever_is_held_at_once(many: Path, tmp_path: Path) -> None:
    """A folder written with a few tracks in memory is the one that was written with all of them, byte for byte."""
    few = write_stream(TINY, tmp_path, register=FITTED, at_once=500)
    assert {path.name for path in few.iterdir()} == {path.name for path in many.iterdir()}
    for path in few.iterdir():
        assert path.read_bytes() == (many / path.name).read_bytes(), path.name


def test_another_seed_gives_another_city(made: tuple[StreamedCity, list[Unit]], tmp_path: Path) -> None:
    """The seed matters, also for how many are seen."""
    other = StreamedCity(replace(PLAN, seed=6), tmp_path, register=FITTED, vectors=False)
    assert sum(len(unit.sightings) for unit in other.units()) != sum(len(unit.sightings) for unit in made[1])


def test_a_written_stream_is_a_scenario_and_says_what_it_is_made_of(many: Path) -> None:
    """The reader takes the folder as it is; patients' true sightings are the patients'."""
    folder = many
    read = read_scenario(folder)
    assert len(read.cameras) == TINY.cameras
    assert len(read.patients) == TINY.patients
    assert all(len(patient.truth) >= 5 for patient in read.patients)
    assert len(read.outages) > 0
    assert '"cameras": "fitted"' in (folder / "scenario.json").read_text()
    assert not [path for path in folder.iterdir() if path.is_dir()], "the temporary folder is gone"


def test_streamed_hours_are_the_whole_day(made: tuple[StreamedCity, list[Unit]], tracks: Tracks) -> None:
    """What the hours saw are tracks of the day as a whole: all but those that were missed or dark, and no others."""
    sightings = [unit.sightings for unit in made[1]]
    seen = np.concatenate([one.start for one in sightings])
    person = np.concatenate([one.person for one in sightings])
    truth = set(zip(tracks.person.tolist(), np.round(tracks.start, 3).tolist(), strict=True))
    assert set(zip(person.tolist(), seen.tolist(), strict=True)) <= truth
    assert 0.75 < len(seen) / len(tracks) < 0.96
    for unit in made[1]:
        assert ((unit.sightings.start >= unit.hour * HOUR) & (unit.sightings.start < (unit.hour + 1) * HOUR)).all()
        assert (made[0].ground.group[unit.sightings.camera] == unit.group).all()


def test_encounters_cross_the_edges_of_hours(made: tuple[StreamedCity, list[Unit]], tracks: Tracks) -> None:
    """Who sat together from one hour to the next met, as often as in the day as a whole."""
    units = made[1]
    person = np.concatenate([unit.sightings.person for unit in units])
    start = np.concatenate([unit.sightings.start for unit in units])
    a, b = (np.concatenate([getattr(unit.encounters, side) for unit in units]) for side in "ab")
    assert (person[a] != person[b]).all()
    assert ((start[a] // HOUR) != (start[b] // HOUR)).sum() > 10
    row = {key: at for at, key in enumerate(zip(person.tolist(), start.tolist(), strict=True))}
    whole = meetings(tracks, PLAN.encounter_reach_m + 3 * PLAN.distance_sd_m)
    of_track = [
        row.get(key, -1) for key in zip(tracks.person.tolist(), np.round(tracks.start, 3).tolist(), strict=True)
    ]
    sighted = np.array(of_track)
    lasting = (whole.end - whole.start >= PLAN.encounter_shortest_s) & (whole.nearest_m < PLAN.encounter_reach_m - 0.7)
    pairs = np.stack([sighted[whole.a], sighted[whole.b]], axis=1)[lasting]
    expected = {frozenset(pair) for pair in pairs[(pairs >= 0).all(axis=1)].tolist()}
    assert expected <= {frozenset(pair) for pair in zip(a.tolist(), b.tolist(), strict=True)}


def test_patients_are_known_with_their_contacts(made: tuple[StreamedCity, list[Unit]]) -> None:
    """Each patient's sightings are theirs, those of their contacts somebody else's, and some sat with others."""
    city, units = made
    person = np.concatenate([unit.sightings.person for unit in units])
    assert len(city.patients) == PLAN.patients
    for patient in city.patients:
        assert (person[list(patient.sightings)] == patient.person).all()
        assert len(patient.sightings) == (person == patient.person).sum()
        assert set(patient.contacts) == set(RULES)
        for contacts in patient.contacts.values():
            for rows in contacts:
                assert len(set(person[list(rows)])) == 1
                assert patient.person not in person[list(rows)]
    assert any(patient.contacts["cdc-2020-10"] for patient in city.patients)
    assert city.references.shape == (2 * PLAN.patients, PLAN.face_dimensions)


def test_faces_belong_to_their_people(made: tuple[StreamedCity, list[Unit]]) -> None:
    """Two pictures of one person are alike, also in different hours; those of two people are not; each is a unit."""
    units = made[1]
    face = np.concatenate([unit.faces for unit in units])
    seen = [unit.sightings.take(unit.sightings.has_face) for unit in units]
    person = np.concatenate([one.person for one in seen])
    bare = np.concatenate([one.mask == FaceMask.ABSENT for one in seen])
    assert np.abs(np.linalg.norm(face, axis=1) - 1).max() < 1e-5
    face, person = face[bare], person[bare]
    order = np.argsort(person, kind="stable")
    a, b = order[:-1], order[1:]
    cosine, same = (face[a] * face[b]).sum(axis=1), person[a] == person[b]
    assert cosine[same].mean() > 0.4
    assert abs(cosine[~same].mean()) < 0.1


def test_clothes_of_one_day_match_and_are_changed_overnight(tmp_path: Path) -> None:
    """On the second day people are seen anew, in other clothes."""
    city, units = streamed(replace(PLAN, people=600, days=2, cameras=80), tmp_path)
    half = [[unit for unit in units if (unit.hour >= 24) == late] for late in (False, True)]
    assert all(sum(len(unit.sightings) for unit in part) > 300 for part in half)
    worn, person = [], []
    for part in half:
        worn.append(np.concatenate([unit.clothes for unit in part]))
        person.append(np.concatenate([unit.sightings.person[unit.sightings.has_clothes] for unit in part]))
    both = np.intersect1d(person[0], person[1])[:100]
    first = [worn[0][np.flatnonzero(person[0] == one)] for one in both]
    again = [worn[1][np.flatnonzero(person[1] == one)[0]] for one in both]
    same_day = [float(rows[0] @ rows[1]) for rows in first if len(rows) > 1]
    next_day = [float(rows[0] @ other) for rows, other in zip(first, again, strict=True)]
    assert np.mean(same_day) > np.mean(next_day) + 0.15
    assert city.hours == 42


def test_cell_hours_are_the_stream_cut_by_node(made: tuple[StreamedCity, list[Unit]], tmp_path: Path) -> None:
    """What nodes would seal is all of the stream, each sighting and encounter once, each with its own vectors."""
    city = StreamedCity(PLAN, tmp_path, register=FITTED, at_once=10_000)
    cell_of = [place.cell for place in city.cameras.places]
    numbers, met = [], 0
    faces = np.concatenate([unit.faces for unit in made[1]])
    first_face = np.cumsum([0, *(len(unit.faces) for unit in made[1])])
    units = iter(zip(made[1], first_face, strict=False))
    unit, before = next(units)
    for one in cell_hours(city):
        while one.numbers[0] >= unit.first + len(unit.sightings):
            unit, before = next(units)
        assert {cell_of[camera] for camera in one.sightings.camera.tolist()} == {one.epoch.cell}
        rows = one.numbers - unit.first
        own = before + (np.cumsum(unit.sightings.has_face) - 1)[rows[one.face >= 0]]
        assert np.array_equal(one.faces[one.face[one.face >= 0]], faces[own])
        assert len(one.worn) == (one.clothes >= 0).sum()
        assert np.isin(np.maximum(one.encounters.a, one.encounters.b), one.numbers).all()
        numbers += one.numbers.tolist()
        met += len(one.encounters)
    assert sorted(numbers) == list(range(sum(len(unit.sightings) for unit in made[1])))
    assert met == sum(len(unit.encounters) for unit in made[1])


def test_nobody_sees_anything_in_an_outage(made: tuple[StreamedCity, list[Unit]]) -> None:
    """Whole nodes are dark for whole hours, with all their cameras; no sighting touches an outage of its camera."""
    city, units = made
    out = all_outages(PLAN, city.cameras)
    cells = np.array([place.cell for place in city.cameras.places])
    whole = [k for k in range(len(out.camera)) if out.start[k] % HOUR == 0 and out.end[k] % HOUR == 0]
    assert whole
    for k in whole:
        theirs = np.flatnonzero(cells == cells[out.camera[k]])
        together = (out.start == out.start[k]) & (out.end == out.end[k])
        assert set(theirs.tolist()) <= set(out.camera[together].tolist())
    for unit in units:
        seen = unit.sightings
        for camera, start, end in zip(out.camera, out.start, out.end, strict=True):
            assert not ((seen.camera == camera) & (seen.start < end) & (seen.end > start)).any()


def test_nobody_goes_faster_than_a_metro(ground: Ground, tracks: Tracks) -> None:
    """Between two tracks of one person lies no more ground than the fastest vehicle makes, and some do ride."""
    order = np.lexsort((tracks.start, tracks.person))
    a, b = order[:-1], order[1:]
    apart = (tracks.person[a] == tracks.person[b]) & (tracks.start[b] >= tracks.end[a])  # not in two views at once
    a, b = a[apart], b[apart]
    left = ground.cameras.xy[tracks.camera[a]] + tracks.at(a, tracks.end[a])
    came = ground.cameras.xy[tracks.camera[b]] + tracks.at(b, tracks.start[b])
    metres, seconds = np.linalg.norm(left - came, axis=1), tracks.start[b] - tracks.end[a]
    assert (metres <= PLAN.metro_speed * seconds + 12).all()
    assert (metres > 2.5 * (seconds + 10)).sum() > 5


def test_who_takes_the_same_bus_waits_and_gets_off_together(tmp_path: Path) -> None:
    """Waits end when a vehicle comes, so that several parties leave a stop, and others' stops, in one second."""
    plan = replace(PLAN, people=3000, block_people=3000, cameras=300, metro_lines=2, transit_share=1.0)
    ground = make_ground(plan, FITTED, tmp_path)
    day = live(ground._town(0), 0)
    end = np.concatenate([waits.end for waits in day.waits])
    assert len(end) > 100
    assert all((waits.end >= waits.start).all() for waits in day.waits)
    assert ground.transit
    longest = max(float((waits.end - waits.start).max(initial=0)) for waits in day.waits)
    assert longest <= ground.transit.headway.max()
    assert np.unique(end.round(3), return_counts=True)[1].max() > 1


@pytest.mark.parametrize("mask_share", [0.0, 0.95])
def test_masks_follow_the_plan(mask_share: float, tmp_path: Path) -> None:
    """From nobody to nearly everybody wears a mask."""
    ground = make_ground(replace(PLAN, mask_share=mask_share), FITTED, tmp_path)
    tracks = ground.tracks(0, 0)
    outdoors = ~ground.cameras.indoor[tracks.camera]
    assert np.mean(tracks.mask[outdoors] != FaceMask.ABSENT) == pytest.approx(mask_share, abs=0.09)


def test_colleagues_and_families_are_of_one_block(ground: Ground) -> None:
    """Blocks share no office, so nobody's colleague is missing from a block that is made alone."""
    offices = [set(ground._town(block).people.work.tolist()) - {-1} for block in range(ground.blocks)]
    assert all(offices)
    assert sum(map(len, offices)) == len(set().union(*offices))


def test_stops_lie_as_far_apart_as_published(tmp_path: Path) -> None:
    """In a city that is large enough, ways between stops have the plan's law: half under 2.2 km, a quarter under 654 m
    (published are 540)."""
    plan = plan_of("city", cameras=4000, people=300_000, block_people=3000, seed=2)
    ground = make_ground(replace(plan, bus_lines=0, metro_lines=0, people_a_venue=300), FITTED, tmp_path)
    stays, people = live(ground._town(0), 0).stays, ground._town(0).people
    home = people.work < 0
    order = np.lexsort((stays.start, stays.party))
    first = order[np.r_[True, stays.party[order][1:] != stays.party[order][:-1]]]
    first = first[home[stays.party[first]]]
    metres = np.linalg.norm(
        ground.venues.xy[stays.venue[first]] - ground.streets.xy[people.home[stays.party[first]]], axis=1
    )
    assert np.median(metres) == pytest.approx(2200, rel=0.2)
    assert np.quantile(metres, 0.25) == pytest.approx(654, rel=0.2)


def test_a_city_has_bucheons_density() -> None:
    """All sizes but the small one have 123 cameras a km², and a district is a twentieth of the city."""
    for size in ("district", "city"):
        plan = plan_of(size)
        assert plan.cameras / (plan.side_m / 1000) ** 2 == pytest.approx(123, rel=0.01)
    assert SIZES["city"]["people"] == 850_000
    assert SIZES["city"]["cameras"] == 10_820
    assert bytes_of(plan_of("city")) < 20e9


def _clustering(points: np.ndarray) -> tuple[float, float]:
    """The share of sites with another one within 150 m, against what evenly spread ones would have; and the spread of
    counts in boxes of 500 m, variance over mean."""
    tree = cKDTree(points)
    pairs = (tree.query_ball_point(points, 150, return_length=True) - 1).mean()
    boxes = np.unique(np.floor(points / 500), axis=0, return_counts=True)[1]
    area = len(boxes) * 0.25e6
    return float(pairs / (len(points) / area * np.pi * 150**2)), float(boxes.var() / boxes.mean())


@pytest.mark.parametrize("register", ["fitted", "real"])
def test_sites_are_clustered_as_the_registers(register: str) -> None:
    """Sites stand in hills: more within 150 m of each other, and counts of boxes twice as uneven, as by chance."""
    if register == "real" and not REGISTER.exists():
        assert os.environ.get("CI") != "true", f"{REGISTER} is missing"
        pytest.skip("the register of real camera sites is not on this machine")
    plan = plan_of("city", cameras=4000)
    streets = make_streets(plan)
    siting = ByRegister(read_register() if register == "real" else FITTED)
    street, at, _ = siting(plan, streets, 3200)
    spot = streets.xy[streets.u[street]] + streets.along[street] * at[:, None]
    near, spread = _clustering(np.unique(np.round(spot / 55) * 55, axis=0))
    even = _clustering(np.random.default_rng(1).uniform(-1, 1, (1200, 2)) * plan.side_m / 2)
    assert near > 1.08 * even[0]
    assert spread > 2 * even[1]


def test_a_missing_register_is_replaced_by_the_fit(tmp_path: Path) -> None:
    """Where the register is absent, the fitted process stands in, and says so."""
    assert read_register(tmp_path / "nothing.csv").about.startswith("sites by a cluster process")
    assert read_register(None).xy is None


@pytest.mark.slow
def test_memory_does_not_grow_with_the_people(tmp_path: Path) -> None:
    """Four times the people before four times the cameras take little more memory than one part of the city does."""
    peaks, alone = [], replace(PLAN, block_people=500, group_cells=8, metro_lines=0, lunch_together=0)  # no crowds
    for times in (1, 4):
        plan = replace(alone, people=1000 * times, cameras=128 * times)
        (folder := tmp_path / f"{times}").mkdir()
        city = StreamedCity(plan, folder, register=FITTED, at_once=2000)
        assert city.ground.groups == times
        tracemalloc.start()
        rows = sum(len(unit.sightings) for unit in city.units())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert rows > 5_000 * times
    assert peaks[1] < 1.6 * peaks[0]


def test_a_disk_without_room_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A city that does not fit is refused at once, and what stood in the folder stays."""
    (tmp_path / "scenario.json").write_text("{}")
    monkeypatch.setattr("tests.city.write_stream.bytes_of", lambda _: 10**18)
    with pytest.raises(NoRoom, match="GB are needed"):
        write_stream(PLAN, tmp_path, register=FITTED)
    assert (tmp_path / "scenario.json").exists()


def test_an_interrupted_folder_is_no_scenario(tmp_path: Path) -> None:
    """What was written half lacks scenario.json, also over an older folder, and no temporary folder is left, not even
    that of a run that was killed."""

    def interrupt(words: str) -> None:
        if "hour 2" in words:
            raise KeyboardInterrupt

    (tmp_path / "scenario.json").write_text("{}")
    (tmp_path / ".city-killed").mkdir()
    with pytest.raises(KeyboardInterrupt):
        write_stream(TINY, tmp_path, interrupt, register=FITTED)
    assert not (tmp_path / "scenario.json").exists()
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


def test_tracks_come_back_in_order_and_once(ground: Ground, tracks: Tracks, tmp_path: Path) -> None:
    """What is spilled in any order of blocks is read in order of start, every track once."""
    spill = Spill(tmp_path, ground.group, at_once=700)
    spill.add_all(ground.tracks(block, 0) for block in reversed(range(ground.blocks)))
    back = joined([spill.take(hour, group) for hour in range(19) for group in range(ground.groups)])
    back = back.take(np.lexsort((back.camera, back.person, back.start)))
    for field in fields(Tracks):
        assert np.allclose(getattr(back, field.name), getattr(tracks, field.name), atol=1e-3)
    assert list(tmp_path.iterdir()) == []
