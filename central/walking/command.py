"""cairn-central walking: the ways on foot between cameras, from an OpenStreetMap extract."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from central.cases.options import connect, connection
from central.cli import Answer, Groups, command, group, say

if TYPE_CHECKING:
    from central.routes.camera_graph import CameraPlace

# As far as the next camera of somebody on foot; 10,820 cameras on 88 km² make some 1.3 million pairs.
REACH_M: Final = 1_000.0


def add_parser(groups: Groups) -> None:
    """Hook these commands into cairn-central."""
    verbs = group(groups, "walking", "how far it is from camera to camera on foot, by OpenStreetMap")
    building = command(
        verbs, "build", build_ways, "work out the ways on foot between all cameras from an .osm.pbf extract",
        "cairn-central walking build --osm seoul.osm.pbf --out walking.npz --token-file tec.token",
    )  # fmt: skip
    building.add_argument("--osm", type=Path, required=True, metavar="FILE.osm.pbf")
    building.add_argument("--out", type=Path, default=Path("walking.npz"), metavar="FILE", help="walking.npz")
    building.add_argument("--reach", type=float, default=REACH_M, metavar="M", help=f"how far on foot; {REACH_M:.0f}")
    building.add_argument("--force", action="store_true", help="replace the file if there is one")
    cameras = "a scenario's cameras.csv; without it, the cameras that the centre knows"
    building.add_argument("--cameras", type=Path, metavar="FILE", help=cameras)
    connection(building, always=False)
    showing = command(
        verbs, "show", show_ways, "show the walking network in use and which cameras it leaves out, or check a file",
        "cairn-central walking show --token-file kim.token",
    )  # fmt: skip
    showing.add_argument("file", nargs="?", type=Path, metavar="FILE", help="a file; without one, what the centre uses")
    showing.add_argument("--cameras", type=Path, metavar="FILE", help="hold FILE against a scenario's cameras.csv")
    connection(showing, always=False)


def build_ways(options: argparse.Namespace) -> Answer:
    """Raises BadExtract, NoWays, TooDense, FileExists, CannotWrite, and what the centre refuses."""
    import numpy as np

    from central.saving import must_be_free
    from central.walking.build import build, detours
    from central.walking.ways import ATTRIBUTION
    from central.walking.ways_file import write_ways
    from shared.clock import SystemClock

    must_be_free(options.out, options.force)
    ways = build(options.osm, _cameras(options), SystemClock().now(), say, options.reach)
    write_ways(options.out, ways)
    detour = detours(ways)
    say(f"Name it to the centre: CAIRN_CENTRE_WALKING={options.out.absolute()}")
    return {
        "cameras": len(ways.names),
        "near a way": int(ways.near_way.sum()),
        "pairs within reach": len(ways.metres),
        "median detour": round(float(np.median(detour)), 3) if len(detour) else None,
        "licence": ATTRIBUTION,
        "file": str(options.out.absolute()),
    }


def show_ways(options: argparse.Namespace) -> Answer:
    """Raises BadWays, BadScenario, and what the centre refuses."""
    from central.replay.read import read_cameras
    from central.walking.service import described
    from central.walking.ways_file import read_ways
    from shared.errors import BadInput

    if options.file is not None:
        return described(read_ways(options.file), read_cameras(options.cameras) if options.cameras else None)
    if options.cameras is not None:
        raise BadInput("--cameras says what a file is held against", hint="name the file, too")
    with connect(_asking(options)) as client:
        told: Answer = client.ask("GET", "/walking")
    return told


def _cameras(options: argparse.Namespace) -> list[CameraPlace]:
    from central.nodes.places import places_known
    from central.replay.read import read_cameras

    if options.cameras is not None:
        return list(read_cameras(options.cameras))
    with connect(_asking(options)) as client:
        return places_known(client)


def _asking(options: argparse.Namespace) -> argparse.Namespace:
    """Raises BadInput when nobody is said to ask."""
    from shared.errors import BadInput

    if options.token_file is None:
        raise BadInput("the centre asks who you are", hint="give --token-file FILE, or --cameras FILE with build")
    return options
