"""Distances on the earth."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

EARTH_RADIUS_M = 6_371_008.8  # mean radius, IUGG

Degrees = float | npt.NDArray[np.float64]


def haversine_m(lat1: Degrees, lon1: Degrees, lat2: Degrees, lon2: Degrees) -> npt.NDArray[np.float64]:
    """Great-circle distance in metres between points in degrees; broadcasts (the haversine formula, Sinnott 1984)."""
    phi1, phi2 = np.radians(lat1), np.radians(lat2)
    half_dphi, half_dlambda = (phi2 - phi1) / 2, np.radians(np.subtract(lon2, lon1)) / 2
    a = np.sin(half_dphi) ** 2 + np.cos(phi1) * np.cos(phi2) * np.sin(half_dlambda) ** 2
    return np.asarray(2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.clip(a, 0, 1))), np.float64)


def plane_m(
    latitude: npt.NDArray[np.float64], longitude: npt.NDArray[np.float64], middle: tuple[float, float]
) -> npt.NDArray[np.float64]:
    """Metres east and north of the middle, in degrees north and east, [n, 2]: exact enough within a city."""
    east = np.cos(np.radians(middle[0])) * np.radians(longitude - middle[1])
    return EARTH_RADIUS_M * np.stack([east, np.radians(latitude - middle[0])], axis=1)
