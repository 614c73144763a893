"""What a simulated search answers, and the laws that it is read by."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import pairwise

import pytest

from central.routes.reconstruct import Route, reconstruct
from central.search.case_search import SearchAnswer
from central.search.job import DEFAULT_RADIUS
from shared.calibration.curves import Calibration
from shared.calibration.files import calibration_from_map, calibration_to_map
from shared.epochs import Modality
from shared.sightings import parse_sighting_id
from tests.city.answers import SearchedCity
from tests.city.city import make_city
from tests.city.company import Company
from tests.city.laws import calibration
from tests.city.plan import CityPlan

PLAN = CityPlan(cameras=80, people=600, patients=8, seed=23, mask_share=0.0)


@pytest.fixture(scope="module")
def city() -> SearchedCity:
    return SearchedCity(make_city(PLAN), {**DEFAULT_RADIUS, Modality.APPEARANCE: 185})


@pytest.fixture(scope="module")
def laws() -> Calibration:
    return calibration(PLAN)


def route(city: SearchedCity, laws: Calibration, patient: int, answer: SearchAnswer) -> Route:
    window, searched = (PLAN.start, PLAN.end), city.compared_for(patient, answer)
    return reconstruct(answer.candidates, city.graph, window, laws, searched=searched, pseudonym_key=bytes(32))


def test_a_city_gives_the_same_answer_every_time(city: SearchedCity) -> None:
    """Keys, codes and candidates follow from the plan."""
    again = SearchedCity(make_city(PLAN), city.radius)
    assert [again.faces(k) for k in range(PLAN.patients)] == [city.faces(k) for k in range(PLAN.patients)]


def test_most_faces_of_a_patient_are_among_the_candidates(city: SearchedCity) -> None:
    """Bare faces lie within the radius, and each is told once."""
    for patient in range(PLAN.patients):
        faces = [one.sighting for one in city.faces(patient) if one.modality is Modality.FACE]
        assert len(faces) == len(set(faces))
        with_face = city.city.sightings.has_face[list(city.city.patients[patient].sightings)].sum()
        assert len(city.own(patient).intersection(faces)) >= 0.7 * with_face


def test_clothes_carry_a_route_through_cameras_that_see_no_face(city: SearchedCity, laws: Calibration) -> None:
    """With clothes handed on more is found than by faces and pictures alone; little is wrong, and all is in order."""
    right, reported = [0, 0], [0, 0]
    for patient in range(PLAN.patients):
        for hand_offs in (0, 1):
            answer = city.search(patient, hand_offs, partial(route, city, laws, patient))
            visits = route(city, laws, patient, answer).visits
            assert all(one.start <= later.start for one, later in pairwise(visits))
            right[hand_offs] += len(city.own(patient).intersection(visit.candidate.sighting for visit in visits))
            reported[hand_offs] += len(visits)
    assert right[1] > right[0]
    assert right[1] >= 0.9 * reported[1]


def test_the_laws_are_measured_on_another_city_and_complete(laws: Calibration) -> None:
    """They read back from their file's values, name the simulator's clothes, and do not change with the seed."""
    assert calibration_from_map(calibration_to_map(laws)).models == laws.models
    assert laws.models[Modality.APPEARANCE] == PLAN.appearance_model
    assert calibration(replace(PLAN, seed=24)) == laws


def test_a_patients_company_is_everybody_who_was_measured_near(city: SearchedCity) -> None:
    """Every encounter of a patient's sightings is joined by the worker's own code: without them, figures of contacts
    would be figures of a city in which nobody meets."""
    found = Company(city).candidates(name for patient in range(PLAN.patients) for name in city.own(patient))
    met, own = city.city.encounters, {parse_sighting_id(name)[2] for name in found}
    pairs = [(a, b) for a, b in zip(met.a.tolist(), met.b.tolist(), strict=True)]
    expected = sorted((one, other) for a, b in pairs for one, other in ((a, b), (b, a)) if one in own)
    assert len(expected) > 20
    joined = [(parse_sighting_id(name)[2], p.number) for name, one in found.items() for p in one.partners]
    assert sorted(joined) == expected
