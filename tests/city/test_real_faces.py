"""A city of real people: who may be a patient, by which photos they are seen, and that all else stays as it was."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.replay.read import read_scenario
from edge.calibrate import BadMaterial
from edge.calibrate.walks import LOST
from shared.calibration.files import calibration_from_map, calibration_to_map, read_calibration
from shared.epochs import Modality
from shared.face_mask import FaceMask
from tests.city.album import Album, TooFewPhotographed, held_out, measured_on
from tests.city.bank import BARE, MASKED, WALKS, Bank, kind
from tests.city.city import City, make_city
from tests.city.faces import is_covered, registered
from tests.city.laws import calibration
from tests.city.plan import CityPlan
from tests.city.real_faces import cast
from tests.city.write import SHIPPED, faces, references, write_scenario

PEOPLE = 150
PLAN = CityPlan(cameras=60, people=PEOPLE, patients=4, seed=11)
LOST_SHARE = 0.03
CASTS = settings(max_examples=25, deadline=None)


def made_album(photos: list[int], seed: int = 1) -> Album:
    """People with so many photos each: directions around one of their own, some walks without a face, and a photo in
    five that registration refuses."""
    dice = np.random.default_rng(seed)
    who = np.repeat(np.arange(len(photos)), photos)
    bank = np.zeros(len(who), kind())
    centre = dice.standard_normal((len(photos), 192))[who]
    for name, of_one in (("registered", (2,)), ("templates", (2,)), ("seen", (2, WALKS))):
        x = np.expand_dims(centre, tuple(range(1, 1 + len(of_one)))) + 0.8 * dice.standard_normal(bank[name].shape)
        bank[name] = x / np.linalg.norm(x, axis=-1, keepdims=True)
    bank["digest"] = [f"{row:064x}" for row in range(len(who))]
    bank["has_face"], bank["accepts"] = True, dice.random(len(who)) < 0.8
    bank["quality"] = np.where(
        dice.random(bank["quality"].shape) < LOST_SHARE, LOST, dice.random(bank["quality"].shape)
    )
    ends = np.cumsum(photos)
    return Album(bank, tuple(np.arange(end - n, end) for n, end in zip(photos, ends, strict=True)), "made people")


@pytest.fixture(scope="module")
def album() -> Album:
    return made_album([1] * 90 + [2] * 40 + [4] * 30)


@pytest.fixture(scope="module")
def city(album: Album) -> City:
    return make_city(PLAN, album)


def drawn(city: City, bank: Bank) -> np.ndarray[tuple[int, int], np.dtype[np.int64]]:
    """Photo, mask state and walk [n, 3] of every sighting with a face, found again by its embedding."""
    place = {bank["seen"][at].tobytes(): at for at in np.ndindex(bank["quality"].shape)}
    return np.array([place[vector.tobytes()] for vector in chain.from_iterable(faces(city))])


@CASTS
@given(st.lists(st.integers(1, 5), min_size=8, max_size=40), st.integers(0, 2**31), st.data())
def test_a_patient_is_never_seen_by_the_photo_that_was_given(photos: list[int], seed: int, data: st.DataObject) -> None:
    """Whoever is a patient has another photo to be seen by, gave one that registration accepts, and everybody in the
    city is somebody else."""
    some = made_album(photos, seed)
    patients = data.draw(st.integers(0, len(some.patients)))
    plan = CityPlan(seed=seed, people=len(some), patients=patients)
    persons = data.draw(st.permutations(range(len(some))))[:patients]
    chosen = cast(plan, some, persons)
    assert set(chosen.given) == set(persons)
    whose = {int(row): who for who, rows in enumerate(some.people) for row in rows}
    actors = []
    for person, rows in enumerate(chosen.photos):
        mine = {*rows.tolist(), *([chosen.given[person]] if person in chosen.given else [])}
        assert len({whose[row] for row in mine}) == 1
        actors.append(whose[next(iter(mine))])
        assert mine == set(some.people[actors[-1]].tolist())
        if person in chosen.given:
            assert chosen.given[person] not in rows
            assert len(rows) >= 1
            assert some.bank["accepts"][chosen.given[person]]
    assert len(set(actors)) == len(actors)


def test_people_on_one_photo_are_never_patients() -> None:
    """Where nobody has two photos, or registration takes none, nobody can be a patient, and it says how many can."""
    with pytest.raises(TooFewPhotographed, match="0 may be patients"):
        cast(replace(PLAN, people=20), made_album([1] * 20), [3])
    unfit = made_album([3] * 20)
    unfit.bank["accepts"] = False
    with pytest.raises(TooFewPhotographed) as refused:
        make_city(replace(PLAN, people=20), unfit)
    assert "at most 20 people and 0 patients" in refused.value.hint


def test_more_people_than_there_are_photographed_are_refused(album: Album) -> None:
    """Nobody is in a city twice."""
    with pytest.raises(TooFewPhotographed, match="161 people"):
        make_city(replace(PLAN, people=161), album)


def test_quality_and_mask_go_with_the_embedding(city: City, album: Album) -> None:
    """Each face is a walk of one of its person's photos, masked where the person is, with the quality of that walk."""
    seen = city.sightings.take(city.sightings.has_face)
    found = drawn(city, album.bank)
    assert len(found) == len(seen) > 300
    assert seen.quality == pytest.approx(np.round(album.bank["quality"][tuple(found.T)], 3))
    assert (found[:, 1] == np.where(is_covered(city.tracks.mask[seen.track]), MASKED, BARE)).all()
    chosen = cast(PLAN, album, [patient.person for patient in city.patients])
    assert all(photo in chosen.photos[person] for photo, person in zip(found[:, 0], seen.person, strict=True))
    busiest = int(np.bincount(seen.person).argmax())
    assert len(np.unique(found[seen.person == busiest], axis=0)) > 3


def test_a_face_that_the_box_did_not_find_is_a_sighting_without_one(city: City) -> None:
    """Of the sightings that a simulated city gives a face, a share of lost walks has none, no quality, and a mask that
    nobody knows."""
    plain, real = make_city(PLAN).sightings, city.sightings
    assert not (real.has_face & ~plain.has_face).any()
    lost = plain.has_face & ~real.has_face
    assert lost.sum() / plain.has_face.sum() == pytest.approx(LOST_SHARE, abs=0.02)
    assert (real.mask[lost] == FaceMask.UNKNOWN).all()
    assert (real.quality[lost] == 0).all()


def test_all_but_faces_is_as_in_the_simulated_city(city: City) -> None:
    """Streets, ways, patients and encounters do not depend on whose faces people have: cities can be compared."""
    plain = make_city(PLAN)
    assert plain.patients == city.patients
    for part in ("tracks", "encounters"):
        one, other = getattr(plain, part), getattr(city, part)
        assert all(np.array_equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))
    for name in ("person", "camera", "start", "end", "has_clothes", "place"):
        assert np.array_equal(getattr(plain.sightings, name), getattr(city.sightings, name))


def test_the_same_seed_gives_the_same_faces(city: City, album: Album) -> None:
    """Bit for bit, and another seed casts others."""
    again, other = make_city(PLAN, album), make_city(replace(PLAN, seed=12), album)
    assert [a.tobytes() for a in faces(again)] == [b.tobytes() for b in faces(city)]
    assert references(again).tobytes() == references(city).tobytes()
    assert references(other).tobytes() != references(city).tobytes()


def test_templates_are_those_that_registration_made(city: City, album: Album) -> None:
    """What a centre makes of the references is what registration made of the photos, bare and masked."""
    chosen = cast(PLAN, album, [patient.person for patient in city.patients])
    made = registered(references(city)).reshape(-1, 2, 192)
    assert np.abs(made - album.bank["registered"][list(chosen.given.values())]).max() < 1e-5


def test_who_is_held_out_does_not_live_in_the_city(album: Album) -> None:
    """Everybody is on one side, the same ones for one seed, and other ones for another."""
    here, others = held_out(PLAN, album, 0.25)
    assert (len(here), len(others)) == (120, 40)
    rows = [set(np.concatenate(some.people).tolist()) for some in (here, others)]
    assert not rows[0] & rows[1]
    assert rows[0] | rows[1] == set(range(len(album.bank)))
    assert np.array_equal(np.concatenate(held_out(PLAN, album, 0.25)[1].people), np.concatenate(others.people))
    away = held_out(replace(PLAN, seed=12), album, 0.25)[1]
    assert set(np.concatenate(away.people).tolist()) != rows[1]


def test_others_make_a_calibration_of_their_own(album: Album) -> None:
    """It reads back, keeps the clothes, says that nobody of these is in the city; few people make none."""
    shipped = calibration(PLAN)
    laws = measured_on(album, shipped)
    back = calibration_from_map(calibration_to_map(laws))
    assert back.bands[Modality.FACE] != shipped.bands[Modality.FACE]
    assert back.bands[Modality.APPEARANCE] == shipped.bands[Modality.APPEARANCE]
    assert "none of whom is in the city" in back.origins[Modality.FACE]
    with pytest.raises(BadMaterial, match="too few people"):
        measured_on(held_out(PLAN, album, 0.2)[1], shipped)


def test_a_scenario_says_whose_faces_are_in_it(city: City, album: Album, tmp_path: Path) -> None:
    """`made_of` tells real faces from simulated ones, the folder reads back, and a calibration of its own lies beside
    the shipped one."""
    laws = measured_on(album, calibration(PLAN))
    write_scenario(city, tmp_path / "real", laws=laws)
    write_scenario(make_city(PLAN), tmp_path / "simulated")
    real, simulated = ((tmp_path / name / "scenario.json").read_text() for name in ("real", "simulated"))
    assert "real: 150 of 160 people on photos of made people" in real
    assert "90 of them are on one photo only" in real
    assert "simulated, with distances as measured" in simulated
    scenario = read_scenario(tmp_path / "real")
    assert len(scenario.patients) == 4
    assert len(scenario.faces) == city.sightings.has_face.sum()
    assert read_calibration(tmp_path / "real" / "calibration.json").name == laws.name
    assert read_calibration(tmp_path / "real" / SHIPPED).name == calibration(PLAN).name
    assert not (tmp_path / "simulated" / SHIPPED).exists()
