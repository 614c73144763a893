"""Whether it was dark: how high the sun stood."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Final

DARK_DEGREES: Final = -6.0  # the end of civil twilight, when streets need lamps
_J2000: Final = datetime(2000, 1, 1, 12, tzinfo=UTC)


def sun_elevation(moment: datetime, latitude: float, longitude: float) -> float:
    """Degrees above the horizon, within a quarter of one, without refraction.

    The low-precision formulas of the Astronomical Almanac for the sun's position and Greenwich mean sidereal time.
    """
    days = (moment - _J2000).total_seconds() / 86_400
    mean = math.radians(357.528 + 0.9856003 * days)
    ecliptic = math.radians(280.460 + 0.9856474 * days + 1.915 * math.sin(mean) + 0.020 * math.sin(2 * mean))
    tilt = math.radians(23.439 - 0.0000004 * days)
    ascension = math.atan2(math.cos(tilt) * math.sin(ecliptic), math.cos(ecliptic))
    declination = math.asin(math.sin(tilt) * math.sin(ecliptic))
    sidereal = math.radians((18.697374558 + 24.06570982441908 * days) * 15 + longitude)
    phi, hour = math.radians(latitude), sidereal - ascension
    sine = math.sin(phi) * math.sin(declination) + math.cos(phi) * math.cos(declination) * math.cos(hour)
    return math.degrees(math.asin(sine))


def is_dark(moment: datetime, latitude: float, longitude: float) -> bool:
    return sun_elevation(moment, latitude, longitude) < DARK_DEGREES
