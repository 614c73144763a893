"""The fleet as the offices need it: enrolled boxes with their public keys, revoked ones marked, and every camera."""

from __future__ import annotations

import sqlite3

from shared.fleet import Fleet, FleetCamera, FleetNode


def fleet_of(registry: sqlite3.Connection) -> Fleet:
    """Boxes that never came with their keys are left out: there is nothing that an office could know them by."""
    nodes = registry.execute("SELECT * FROM nodes WHERE signing_public IS NOT NULL ORDER BY node")
    cameras = registry.execute("SELECT camera, latitude, longitude, indoor, cell FROM cameras ORDER BY camera")
    return Fleet(
        tuple(
            FleetNode(n["node"], n["cell"], n["signing_public"], n["sealing_public"], n["revoked_at"] is not None)
            for n in nodes
        ),
        tuple(FleetCamera(c[0], c[1], c[2], bool(c[3]), c[4]) for c in cameras),
    )
