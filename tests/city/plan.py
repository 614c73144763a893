"""Everything that shapes a city, in one place; the same plan always gives the same city, byte for byte."""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

HOUR = 3600.0
# A city's day begins at 06:00 Korean time, 21:00 UTC.
DEFAULT_START = datetime(2026, 11, 19, 21, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class CityPlan:
    """Lengths in metres, times in seconds, speeds in m/s, shares 0..1. Sources stand beside what was not invented."""

    seed: int = 1
    cameras: int = 1000
    people: int = 8000
    patients: int = 3
    start: datetime = DEFAULT_START
    days: int = 1
    day_hours: int = 18
    # 37.5 N, 127.0 E: the middle of the simulated streets, which are not those of the real place.
    latitude: float = 37.5
    longitude: float = 127.0

    block_m: float = 110.0
    jitter: float = 0.2  # of a block
    missing_streets: float = 0.12
    # Public register of Gangnam-gu: 1,763 sites on 39.5 km², 4,742 cameras on them, 1 to 5 a site.
    sites_per_km2: float = 45.0
    cameras_a_site: float = 2.7
    indoor_share: float = 0.2
    reach_m: float = 22.0
    outage_share: float = 0.02

    # Weidmann 1993, "Transporttechnik der Fussgänger": normal, 1.34 m/s in the mean, 0.26 m/s standard deviation.
    speed_mean: float = 1.34
    speed_sd: float = 0.26
    ride_above_m: float = 1800.0
    ride_speed: float = 5.6
    walk_to_ride_m: float = 250.0
    workers: float = 0.55
    # Published itineraries of 2020 in Korea, shape only: stops a day, and ln metres between stops (quartiles 0.54, 2.2
    # and 6.3 km, so ln-normal with standard deviation 1.8; what does not fit the city falls to its farthest places).
    stops_a_day: tuple[float, ...] = (0.65, 0.18, 0.08, 0.04, 0.03, 0.02)
    between_stops_m: float = 2200.0
    between_stops_sd: float = 1.8
    party_sizes: tuple[float, ...] = (0.72, 0.18, 0.06, 0.04)
    lunch_together: float = 0.4
    people_a_venue: float = 30.0

    mask_share: float = 0.5
    mask_incorrect: float = 0.05  # of wearers, at any time
    mask_off_seated: float = 0.3
    mask_misjudged: float = 0.03

    missed: float = 0.05
    face_toward: float = 0.85
    face_away: float = 0.08
    face_indoors: float = 0.75
    clothes_seen: float = 0.95
    seat_in_view: float = 0.7
    seated_track_s: float = 2700.0  # a seated person's track breaks about as often
    position_sd_m: float = 0.3
    distance_sd_m: float = 0.15
    encounter_reach_m: float = 3.0
    encounter_shortest_s: float = 2.0

    face_model: str = "mfn192-int8-1"
    face_dimensions: int = 192
    # As measured with this model on degraded public photos (central/routes/calibrations/public-photos-2026-11.json):
    # cosines with one good reference of the same kind, at quality ½; strangers' cosines; and the correlation of two
    # pictures of one person against one reference, for the patient and for a stranger.
    face_cosine: float = 0.70
    face_cosine_masked: float = 0.60  # both masked
    face_cosine_by_quality: float = 0.25
    # Beta distributions of what the box's own quality says of such faces, of 963 people (README.md, Real faces).
    quality_bare: tuple[float, float] = (3.2, 5.5)
    quality_masked: tuple[float, float] = (3.9, 8.1)
    face_cosine_sd: float = 0.12
    under_mask: float = 0.667  # cosine of a person's centre with and without a mask
    masks_alike: float = 0.25  # cosine of two strangers' centres, both masked
    stranger_mean: float = 0.024
    stranger_sd: float = 0.146
    stranger_correlation: float = 0.68
    patient_correlation: float = 0.32
    look_alikes: int = 3  # for each patient
    look_alike_cosine: float = 0.55  # between the two persons, not between two pictures
    appearance_model: str = "clothes-sim-1"
    appearance_dimensions: int = 128
    appearance_cosine: float = 0.75

    # What only large cities have, made block by block and streamed (tests/city/stream.py). Buses of Seoul and Bucheon
    # make 18 km/h between terminals, a metro 32 km/h, stops included.
    block_people: int = 5000
    group_cells: int = 32  # neighbouring cells that are worked through together, an hour at a time
    bus_lines: int = 0
    metro_lines: int = 0
    bus_speed: float = 5.0
    metro_speed: float = 9.0
    transit_share: float = 0.6  # of ways that a line would shorten
    node_outage_share: float = 0.0  # of all hours of all cells: dark for a whole hour, with all their cameras
    hidden_share: float = 0.0  # of outdoor cameras: something hides half of their view, and nobody has noticed

    @property
    def end(self) -> datetime:
        return self.start + timedelta(days=self.days - 1, hours=self.day_hours)

    @property
    def seconds(self) -> float:
        return (self.end - self.start).total_seconds()

    @property
    def side_m(self) -> float:
        """Length of the city's side: the cameras decide how large it is."""
        outdoor = self.cameras * (1 - self.indoor_share)
        return max(3 * self.block_m, 1000.0 * math.sqrt(outdoor / self.cameras_a_site / self.sites_per_km2))

    def of_part(self, part: str, *numbers: int) -> CityPlan:
        """The same plan with a seed of its own for one part of the city, such as one block of people."""
        words = np.random.SeedSequence([self.seed, zlib.crc32(part.encode()), *numbers]).generate_state(2)
        return replace(self, seed=int(words[0]) << 16 | int(words[1]) & 0xFFFF)

    def random(self, purpose: str, number: int = 0) -> np.random.Generator:
        """A generator for one purpose, so that a change in one part leaves the others as they were."""
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode()), number])
