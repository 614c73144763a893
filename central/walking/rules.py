"""What one may walk on, by OpenStreetMap's own rules: the kind of way first, then `foot`, then `access`.

The rules are those of the wiki's "Key:access" and "OSM tags for routing/Access restrictions", where the nearer tag
wins. Where countries differ the way is kept: a way too few makes a true step look impossible, a way too many only makes
it a little less telling. So cycleways and bridleways count, which people walk on, too. One-way streets bind no walker.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

Tags = Mapping[str, str]

# Motorways, bus guideways, race tracks and what is only planned or being built are not among them.
_LINKED: Final = ("trunk", "primary", "secondary", "tertiary")
WALKED: Final = frozenset(
    {
        *_LINKED, *(f"{kind}_link" for kind in _LINKED), "unclassified", "residential", "living_street", "service",
        "road", "pedestrian", "track", "path", "footway", "steps", "cycleway", "bridleway", "corridor", "crossing",
        "elevator", "platform",
    }
)  # fmt: skip
# Keys of ways that are looked at, and the values of those that are walked on without being a highway.
BESIDE: Final = (("railway", "platform"), ("public_transport", "platform"), ("man_made", "pier"))
_DENIED: Final = frozenset({"no", "private", "agricultural", "forestry", "military", "emergency", "employees"})
# Barriers at a point of a way: those that one climbs over, and those that are shut where nobody may pass.
_SHUT: Final = frozenset({"wall", "fence", "hedge", "city_wall"})
_GATES: Final = frozenset({"gate", "door", "sliding_gate", "turnstile", "full-height_turnstile", "kissing_gate"})


def walked(tags: Tags) -> bool:
    """Whether one may walk along a way, or along the outline of an area."""
    if (foot := tags.get("foot")) is not None:
        return foot not in _DENIED and ("highway" in tags or _beside(tags))
    if tags.get("access") in _DENIED or tags.get("motorroad") == "yes":
        return False
    return tags.get("highway") in WALKED or _beside(tags)


def shut(tags: Tags) -> bool:
    """Whether nobody walks past a point of a way: at a wall, or at a gate that is private."""
    barrier, foot = tags.get("barrier"), tags.get("foot")
    if foot is not None:
        return barrier in _SHUT | _GATES and foot in _DENIED
    return barrier in _SHUT or (barrier in _GATES and tags.get("access") in _DENIED)


def open_area(tags: Tags) -> bool:
    """Whether a multipolygon is a square or another area for walking, whose outlines are walked along."""
    return tags.get("type") == "multipolygon" and walked(tags)


def _beside(tags: Tags) -> bool:
    return any(tags.get(key) == value for key, value in BESIDE)
