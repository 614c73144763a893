"""Cities of known size: the small one that routes are measured on, one of people of whom there are photos, all of
Bucheon, and a twentieth of it."""

from __future__ import annotations

from typing import Any

from tests.city.plan import CityPlan

# 10,820 cameras, 123 a km²; four in five hang outdoors, 2.7 at a site.
_SITES_PER_KM2 = 123 * (1 - CityPlan().indoor_share) / CityPlan().cameras_a_site
_LARGE = {
    "sites_per_km2": _SITES_PER_KM2,
    "outage_share": 0.02,
    "node_outage_share": 0.01,
    "hidden_share": 0.05,
}
# Bucheon has two metro lines, and about seventy bus lines that stop there.
SIZES: dict[str, dict[str, Any]] = {
    "small": {"cameras": 300, "people": 4000},
    "album": {"cameras": 300, "people": 950},
    "district": {"cameras": 541, "people": 42_500, "metro_lines": 1, "bus_lines": 8, **_LARGE},
    "city": {"cameras": 10_820, "people": 850_000, "metro_lines": 2, "bus_lines": 70, **_LARGE},
}


def plan_of(size: str, **changes: Any) -> CityPlan:
    """The plan of a size by name, with changes."""
    return CityPlan(**{**SIZES[size], **changes})
