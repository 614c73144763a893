"""cairn-central walk-test: plan a walk past cameras, and report what the system found of it."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from central.cases.options import connect, connection, moment
from central.cli import Answer, Groups, command, group, say

if TYPE_CHECKING:
    from central.routes.camera_graph import CameraPlace
    from central.walk_test.passages import Passage
    from central.walk_test.tracks import Track


def add_parser(groups: Groups) -> None:
    verbs = group(groups, "walk-test", "have a consenting tester walk past cameras, and see what is found")
    planning = command(
        verbs, "plan", plan_walk, "write down which cameras to pass and when",
        "cairn-central walk-test plan --camera door --count 12 --start 2026-11-24T09:00+09:00 --out walk.csv",
    )  # fmt: skip
    connection(planning)
    planning.add_argument("--camera", action="append", required=True, help="where to pass; again for more, in order")
    planning.add_argument("--count", type=int, default=0, metavar="N", help="go on to the nearest until N cameras")
    planning.add_argument("--start", type=moment, required=True, metavar="TIME")
    planning.add_argument("--speed", type=float, default=1.34, metavar="M/S", help="of walking; 1.34")
    planning.add_argument("--out", type=Path, required=True, metavar="FILE")
    planning.add_argument("--force", action="store_true", help="replace the file if there is one")
    reporting = command(
        verbs, "report", report_walk, "hold the tester's own route against the walk",
        "cairn-central walk-test report case-17 --plan walk.csv --track phone.gpx --token-file kim.token",
    )  # fmt: skip
    connection(reporting)
    reporting.add_argument("case")
    reporting.add_argument("--plan", type=Path, metavar="FILE", help="as planned, with conditions filled in")
    reporting.add_argument("--track", type=Path, metavar="FILE", help="the tester's own: GPX, GeoJSON or CSV")
    reporting.add_argument("--scenario", type=Path, metavar="DIR", help="a recorded walk instead, as replay takes it")
    reporting.add_argument("--patient", metavar="NAME", help="who of the scenario is the tester")
    reporting.add_argument("--radius", type=float, default=25.0, metavar="M", help="how near a track must come; 25")
    reporting.add_argument("--tolerance", type=float, default=120.0, metavar="S", help="how far times may differ; 120")


def plan_walk(options: argparse.Namespace) -> Answer:
    from central.nodes.places import places_known
    from central.saving import must_be_free, save
    from central.walk_test.passages import nearest_walk, plan, plan_to_csv
    from shared.errors import BadInput

    must_be_free(options.out, options.force)
    with connect(options) as client:
        places = {place.camera: place for place in places_known(client)}
    if unknown := [name for name in options.camera if name not in places]:
        raise BadInput(f"there is no camera {unknown[0][:63]!r}", hint="list them with: cairn-central camera list")
    walk = [places[name] for name in options.camera]
    if options.count > len(walk):
        left = [place for place in places.values() if place.camera not in options.camera[:-1]]
        walk = [*walk[:-1], *nearest_walk(walk[-1], left, options.count - len(walk) + 1)]
    passages = plan(walk, options.start, options.speed)
    save(options.out, plan_to_csv(passages), options.force)
    say("Write into the column condition how you pass, such as: mask, hood, umbrella, in a group")
    file = str(options.out.absolute())
    return {"cameras": len(passages), "from": passages[0].at, "until": passages[-1].at, "file": file}


def report_walk(options: argparse.Namespace) -> Answer:
    from central.nodes.places import places_known
    from central.routes.reconstruct import route_from_map
    from central.walk_test.score import score_walk
    from shared.errors import BadInput

    if options.plan is None and options.track is None and options.scenario is None:
        raise BadInput("nothing says where the tester walked", hint="give --plan, --track or both, or --scenario")
    if options.scenario and (options.plan or options.track):
        raise BadInput("a scenario tells the whole walk itself", hint="leave --plan and --track out, or --scenario")
    if options.patient and not options.scenario:
        raise BadInput(
            "--patient says who of a scenario is the tester", hint="give --scenario DIR too, or leave it out"
        )
    if not (0 < options.radius <= 500 and 0 < options.tolerance <= 3600):
        raise BadInput("there is no such radius or tolerance", hint="up to 500 m, up to 3600 s")
    with connect(options) as client:
        passages, track = _walked(options, places_known(client))
        if not passages:
            raise BadInput(
                "the track comes near no camera", hint="check its times and places, or give a larger --radius"
            )
        route = route_from_map(client.ask("GET", f"/cases/{options.case}/route")["route"])
    score = score_walk(passages, route.visits, track, options.tolerance).to_map()
    return score if options.json else _rows(score)


def _walked(options: argparse.Namespace, places: list[CameraPlace]) -> tuple[tuple[Passage, ...], Track | None]:
    """What was planned, at the times when it was walked where a track tells them; or what a scenario recorded."""
    from central.replay.read import read_scenario
    from central.walk_test.passages import plan_from_csv
    from central.walk_test.recorded import passages_of_scenario
    from central.walk_test.tracks import passages_of, read_track, timed

    if options.scenario:
        return passages_of_scenario(read_scenario(options.scenario), options.patient), None
    planned = plan_from_csv(_read(options.plan), places) if options.plan else None
    if options.track is None:
        return planned or (), None
    track = read_track(_read(options.track))
    walked = passages_of(track, places, options.radius)
    if planned is None:
        return walked, track
    found = timed(planned, walked, within_s=3600.0)
    if len(found) < len(planned):
        say(f"{len(planned) - len(found)} of {len(planned)} planned cameras were not passed, and are not counted")
    return found, track


def _read(path: Path) -> bytes:
    from shared.errors import BadInput

    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInput(f"cannot read {path}: {error.strerror}", hint="check its name") from None


def _rows(score: dict[str, Any]) -> list[dict[str, Any]]:
    names = ("name", "passages", "seen", "recall", "offset_s", "error_m")
    rows = [{"of": "all", **{name: score[name] for name in names}}]
    for kind in ("circumstances", "cameras"):
        rows += [{"of": kind, **{name: one[name] for name in names}} for one in score[kind]]
    return rows
