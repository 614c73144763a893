"""The synthetic city keeps to its own physics, and the same plan always gives the same city."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.routes.likelihood import calibration_for
from provisioning.inventory import CameraRow, assign_cells
from shared.calibration.curves import Band
from shared.epochs import Modality
from shared.face_mask import FaceMask
from shared.geo import haversine_m
from tests.city.city import City, make_city, make_town
from tests.city.contact_truth import RULES, true_contacts
from tests.city.days import live
from tests.city.faces import is_covered, registered
from tests.city.meetings import meetings, within
from tests.city.patients import look_alikes
from tests.city.plan import HOUR, CityPlan
from tests.city.write import clothes, faces, references

SMALL = CityPlan(cameras=60, people=500, patients=4, seed=11)
plans = st.builds(
    CityPlan,
    seed=st.integers(0, 2**31),
    cameras=st.integers(4, 50),
    people=st.integers(12, 150),
    patients=st.integers(0, 3),
    days=st.integers(1, 2),
    mask_share=st.floats(0, 1),
    indoor_share=st.floats(0, 0.6),
)


@pytest.fixture(scope="module")
def city() -> City:
    return make_city(SMALL)


@settings(max_examples=15, deadline=None)
@given(plans)
def test_the_same_plan_gives_the_same_city(plan: CityPlan) -> None:
    """Two builds of one plan agree in every sighting, encounter and embedding, bit for bit."""
    one, other = make_city(plan), make_city(plan)
    for name in ("sightings", "encounters", "tracks"):
        for field in fields(getattr(one, name)):
            assert np.array_equal(getattr(getattr(one, name), field.name), getattr(getattr(other, name), field.name))
    assert one.patients == other.patients
    assert [a.tobytes() for a in faces(one)] == [b.tobytes() for b in faces(other)]


def test_another_seed_gives_another_city() -> None:
    """The seed matters: the same plan with another one has other sightings."""
    one, other = make_city(SMALL), make_city(replace(SMALL, seed=12))
    assert len(one.sightings) != len(other.sightings)


@settings(max_examples=15, deadline=None)
@given(plans)
def test_nobody_is_at_two_places_at_once(plan: CityPlan) -> None:
    """Where two cameras see one person at one moment, they see them at the same spot."""
    made = make_city(plan)
    tracks = made.tracks
    order = np.lexsort((tracks.start, tracks.person))
    for apart in range(1, 6):
        a, b = order[:-apart], order[apart:]
        both = (tracks.person[a] == tracks.person[b]) & (tracks.start[b] < tracks.end[a])
        a, b = a[both], b[both]
        for moment in (tracks.start[b], np.minimum(tracks.end[a], tracks.end[b])):
            here = made.cameras.xy[tracks.camera[a]] + tracks.at(a, moment)
            there = made.cameras.xy[tracks.camera[b]] + tracks.at(b, moment)
            assert (np.linalg.norm(here - there, axis=1) < 0.01).all()


@settings(max_examples=15, deadline=None)
@given(plans)
def test_nobody_goes_faster_than_people_go(plan: CityPlan) -> None:
    """Between two sightings a person covers no more ground than walking, or riding, allows."""
    made = make_city(plan)
    tracks = made.tracks
    order = np.lexsort((tracks.start, tracks.person))
    a, b = order[:-1], order[1:]
    same = tracks.person[a] == tracks.person[b]
    a, b = a[same], b[same]
    left = made.cameras.xy[tracks.camera[a]] + tracks.at(a, tracks.end[a])
    came = made.cameras.xy[tracks.camera[b]] + tracks.at(b, tracks.start[b])
    # Two cameras may see somebody at once: then the second begins where they were before they left the first.
    metres, seconds = np.linalg.norm(left - came, axis=1), np.abs(tracks.start[b] - tracks.end[a])
    # From a room to its crossing is up to 60 m in 15 s of the simulation, and lanes are a few metres wide.
    assert (metres <= plan.ride_speed * seconds + 10).all()


@settings(max_examples=10, deadline=None)
@given(plans)
def test_every_party_arrives_before_it_stays_and_leaves_after(plan: CityPlan) -> None:
    """A day's stays of one party follow each other, each longer than nothing, within two days."""
    town, _ = make_town(plan)
    for day in range(plan.days):
        stays = live(town, day).stays
        assert (stays.end > stays.start).all()
        order = np.lexsort((stays.start, stays.party))
        a, b = order[:-1], order[1:]
        same = stays.party[a] == stays.party[b]
        assert (stays.start[b][same] > stays.end[a][same]).all()


@settings(max_examples=15, deadline=None)
@given(plans)
def test_encounters_are_within_reach_and_join_two_people_of_one_camera(plan: CityPlan) -> None:
    """Each reported encounter is near enough, lies within both sightings, and has two people and one camera."""
    made = make_city(plan)
    met, seen = made.encounters, made.sightings
    assert (seen.camera[met.a] == seen.camera[met.b]).all()
    assert (seen.person[met.a] != seen.person[met.b]).all()
    assert (met.min_distance_m <= plan.encounter_reach_m).all()
    assert (met.start >= np.maximum(seen.start[met.a], seen.start[met.b]) - 0.002).all()
    assert (met.end <= np.minimum(seen.end[met.a], seen.end[met.b]) + 0.002).all()
    assert (met.end - met.start >= plan.encounter_shortest_s - 0.002).all()


def test_nearness_is_symmetrical_and_what_sampling_finds(city: City) -> None:
    """Who is near whom does not depend on the order, and agrees with looking at positions ten times a second."""
    tracks, met = city.tracks, city.met
    rows = np.random.default_rng(0).choice(len(met), 200, replace=False)
    a, b = met.a[rows], met.b[rows]
    for reach in (1.0, 2.0, 3.0):
        there, back = within(tracks, a, b, reach), within(tracks, b, a, reach)
        for one, other in zip(there, back, strict=True):
            assert np.allclose(one, other)
        for k in range(0, len(rows), 10):
            first, last = max(tracks.start[a[k]], tracks.start[b[k]]), min(tracks.end[a[k]], tracks.end[b[k]])
            moments = np.arange(first, last, 0.1)
            i, j = np.full(len(moments), a[k]), np.full(len(moments), b[k])
            apart = np.linalg.norm(tracks.at(i, moments) - tracks.at(j, moments), axis=1)
            near = 0.1 * (apart <= reach).sum()
            assert near == pytest.approx(max(there[1][k] - there[0][k], 0), abs=0.3)
            assert apart.min() == pytest.approx(there[2][k], abs=0.3)


def test_no_meeting_is_overlooked(city: City) -> None:
    """Comparing every pair of one camera finds the same meetings as the sweep."""
    camera = int(np.bincount(city.tracks.camera).argsort()[len(city.cameras.places) // 2])
    tracks = city.tracks.take(city.tracks.camera == camera)
    a, b = (index.astype(np.int64) for index in np.triu_indices(len(tracks), 1))
    overlap = np.minimum(tracks.end[a], tracks.end[b]) > np.maximum(tracks.start[a], tracks.start[b])
    keep = overlap & (tracks.person[a] != tracks.person[b])
    start, end, nearest = within(tracks, a[keep], b[keep], 3.0)
    expected = {(i, j) for i, j, s, e, n in zip(a[keep], b[keep], start, end, nearest, strict=True) if e > s and n <= 3}
    found = meetings(tracks, 3.0)
    assert len(found) == len(expected)
    assert set(zip(found.a.tolist(), found.b.tolist(), strict=True)) == expected


def test_cameras_are_clustered_and_their_cells_are_the_inventorys(city: City) -> None:
    """Sites carry several cameras, and importing the list anew gives the same cells of at most sixteen."""
    places = city.cameras.places
    rows = [CameraRow(p.camera, p.latitude, p.longitude, p.indoor, "") for p in places]
    assert [row.cell for row in assign_cells(rows)] == [place.cell for place in places]
    cells = [place.cell for place in places]
    assert max(cells.count(cell) for cell in cells) <= 16
    outdoor = [place for place in places if not place.indoor]
    latitude, longitude = np.array([(place.latitude, place.longitude) for place in outdoor]).T
    near = haversine_m(latitude[:, None], longitude[:, None], latitude, longitude) < 10
    assert near.sum(axis=1).mean() > 1.5


def test_cameras_on_the_earth_are_where_the_streets_are(city: City) -> None:
    """Distances in degrees agree with the city's metres to a tenth of a per cent."""
    one, other = city.cameras.places[0], city.cameras.places[-1]
    metres = float(np.linalg.norm(city.cameras.xy[0] - city.cameras.xy[-1]))
    assert haversine_m(one.latitude, one.longitude, other.latitude, other.longitude) == pytest.approx(metres, rel=1e-3)


def test_speeds_and_masks_follow_the_plan() -> None:
    """Walking speeds have Weidmann's mean and spread, and about the planned share wears a mask."""
    town, _ = make_town(replace(SMALL, people=8000, mask_share=0.3))
    assert town.people.speed.mean() == pytest.approx(1.34, abs=0.02)
    assert town.people.speed.std() == pytest.approx(0.26, abs=0.02)
    made = make_city(replace(SMALL, people=2000, mask_share=0.3))
    outdoors = ~made.cameras.indoor[made.tracks.camera]
    assert np.mean(made.tracks.mask[outdoors] == FaceMask.WORN) == pytest.approx(0.3, abs=0.06)


def test_stops_follow_published_itineraries() -> None:
    """Of people who do not work, about 65 in a hundred make one stop a day and 18 make two."""
    town, _ = make_town(replace(SMALL, people=6000))
    stays = live(town, 0).stays
    idle = np.flatnonzero(town.people.work < 0)
    stops = np.bincount(stays.party, minlength=len(town.people.size))[idle]
    assert np.mean(stops == 1) == pytest.approx(0.65, abs=0.03)
    assert np.mean(stops == 2) == pytest.approx(0.18, abs=0.03)


def test_some_are_missed_and_outages_are_dark(city: City) -> None:
    """A few tracks in a hundred are not sighted, and none is while its camera is out."""
    assert 0.03 < 1 - len(city.sightings) / len(city.tracks) < 0.12
    for camera, start, end in zip(city.outages.camera, city.outages.start, city.outages.end, strict=True):
        theirs = city.sightings.take(city.sightings.camera == camera)
        assert not ((theirs.start < end) & (theirs.end > start)).any()


def test_without_a_face_the_mask_is_unknown(city: City) -> None:
    """What was not seen is not guessed."""
    assert (city.sightings.mask[~city.sightings.has_face] == FaceMask.UNKNOWN).all()
    assert (city.sightings.mask[city.sightings.has_face] != FaceMask.UNKNOWN).all()


def test_embeddings_are_as_the_calibration_of_the_real_model_says() -> None:
    """Patients' and strangers' cosines agree with what was measured with the real model, by mask and template."""
    plan = replace(SMALL, cameras=150, people=2500, patients=60, look_alikes=0)
    made = make_city(plan)
    seen = made.sightings.take(made.sightings.has_face)
    vectors, templates = np.concatenate(list(faces(made))), registered(references(made))
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-5
    covered, good = is_covered(made.tracks.mask[seen.track]), seen.quality >= 0.45
    measured = calibration_for({Modality.FACE: plan.face_model}).bands[Modality.FACE]
    for masked, template in ((False, 0), (True, 0), (True, 1)):
        mask = FaceMask.WORN if masked else FaceMask.ABSENT
        band = max((b for b in measured if mask in b.masks and b.masked_template == bool(template)), key=_lowest)
        rows = good & (covered == masked)
        own = np.stack([seen.person[rows] == patient.person for patient in made.patients])
        cosine = templates[template::2] @ vectors[rows].T
        for found, law in ((cosine[own], band.curve.same), (cosine[~own], band.curve.other)):
            assert found.mean() == pytest.approx(np.cos(np.pi * law.mean), abs=0.05)
            spread = np.pi * np.sin(np.pi * law.mean) * np.sqrt(law.mean * (1 - law.mean) * law.spread)
            assert found.std() == pytest.approx(spread, abs=0.035)


def _lowest(band: Band) -> float:
    return band.lowest


def test_look_alikes_stay_look_alikes() -> None:
    """A look-alike's pictures are nearer to the patient than a stranger's, all day long."""
    plan = replace(SMALL, look_alikes=3, patients=20)
    made = make_city(plan)
    seen = made.sightings.take(made.sightings.has_face)
    vectors, templates = np.concatenate(list(faces(made))), references(made)
    number = {patient.person: k for k, patient in enumerate(made.patients)}
    alike = [
        (vectors[seen.person == person] @ templates[2 * number[model]]).mean()
        for person, model in look_alikes(plan, list(number))
        if (seen.person == person).sum() >= 5
    ]
    assert len(alike) >= 20
    assert np.mean(alike) > 0.22


def test_clothes_of_one_person_match_all_day(city: City) -> None:
    """Clothes of one person are alike, those of others less, and many people dress alike."""
    seen = city.sightings.take(city.sightings.has_clothes)
    vectors = np.concatenate(list(clothes(city)))
    busiest = int(np.bincount(seen.person).argmax())
    own = vectors[seen.person == busiest]
    same, other = own @ own[0], vectors[seen.person != busiest] @ own[0]
    assert same[1:].mean() > other.mean() + 0.2
    assert other.mean() > 0.05


def test_companions_are_contacts(city: City) -> None:
    """Somebody is a true contact by each preset, and every contact was near for a quarter of an hour in truth."""
    found = dict.fromkeys(RULES, 0)
    busy = np.bincount(city.tracks.person, (city.tracks.end - city.tracks.start)).argsort()[-30:]
    for person in busy.tolist():
        for preset, contacts in true_contacts(city.tracks, city.met, person).items():
            found[preset] += len(contacts)
            for other, rows in contacts.items():
                assert (city.tracks.person[rows] == other).all()
                assert other != person
    assert all(count > 0 for count in found.values())


def test_a_contact_of_the_patient_has_the_patient_as_contact(city: City) -> None:
    """By the rules without an order in time, being a contact is mutual."""
    busy = np.bincount(city.tracks.person, (city.tracks.end - city.tracks.start)).argsort()[-10:]
    for person in busy.tolist():
        for preset in ("who-2021", "kdca-2022-01"):
            for other in true_contacts(city.tracks, city.met, person)[preset]:
                assert person in true_contacts(city.tracks, city.met, other)[preset]


def test_a_larger_part_of_the_day_is_outside_the_night(city: City) -> None:
    """People are seen by day: most sightings lie between 07:00 and 22:00."""
    hour = 6 + city.sightings.start / HOUR
    assert np.mean((hour > 7) & (hour < 22)) > 0.95
