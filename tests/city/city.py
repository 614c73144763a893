"""The whole city of a plan: built once, in order, from its parts."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.city.album import Album
from tests.city.cameras import Cameras, make_cameras
from tests.city.days import Town, live
from tests.city.faces import Identities, make_identities
from tests.city.meetings import Meetings, meetings
from tests.city.patients import Patient, Seen, choose_patients, look_alikes
from tests.city.people import make_people
from tests.city.plan import CityPlan
from tests.city.real_faces import RealFaces, cast, photographed
from tests.city.streets import make_streets
from tests.city.tracks import Tracks, day_tracks, joined
from tests.city.venues import make_venues
from tests.city.walks import make_ways
from tests.city.watching import Encounters, Outages, Sightings, make_outages, note_encounters, watch


@dataclass(frozen=True, slots=True, eq=False)
class City:
    """Truth (town, tracks, met) and what was reported of it (sightings, encounters). Faces are `real`, or those of
    `identities`."""

    plan: CityPlan
    town: Town
    cameras: Cameras
    tracks: Tracks = field(repr=False)
    met: Meetings = field(repr=False)
    outages: Outages
    sightings: Sightings = field(repr=False)
    encounters: Encounters = field(repr=False)
    patients: tuple[Patient, ...]
    identities: Identities = field(repr=False)
    real: RealFaces | None = field(default=None, repr=False)


def make_town(plan: CityPlan) -> tuple[Town, Cameras]:
    """What stands still: streets, rooms, cameras, people's homes and work."""
    streets = make_streets(plan)
    venues = make_venues(plan, streets)
    ways = make_ways(plan, streets, venues.crossing)
    town = Town(plan, streets, venues, make_people(plan, streets, venues), ways)
    return town, make_cameras(plan, streets, venues)


def make_city(plan: CityPlan, album: Album | None = None) -> City:
    """Build and live through a plan: 1,000 cameras and 20,000 people take a few seconds.

    With an album everybody has a real face, and all else is as without. Raises TooFewPhotographed.
    """
    town, cameras = make_town(plan)
    tracks = joined([day_tracks(town, cameras, live(town, day), day) for day in range(plan.days)])
    # A little over the reach, since what is measured may be nearer than what is true.
    met = meetings(tracks, plan.encounter_reach_m + 3 * plan.distance_sd_m)
    outages = make_outages(plan)
    sightings = watch(plan, cameras, outages, tracks)
    encounters = note_encounters(plan, sightings, met, len(tracks))
    patients = choose_patients(Seen(plan, cameras, tracks, met, sightings))
    followed = [patient.person for patient in patients]
    identities, real = make_identities(plan, look_alikes(plan, followed)), None
    if album is not None:
        sightings, real = photographed(plan, album, cast(plan, album, followed), tracks, sightings)
    return City(plan, town, cameras, tracks, met, outages, sightings, encounters, patients, identities, real)
