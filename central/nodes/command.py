"""cairn-central node, camera: what the centre knows of boxes and cameras; works on its database directly."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from central.cli import Answer, Groups, command, env_file, group

if TYPE_CHECKING:
    from sqlalchemy import Engine


def add_parser(groups: Groups) -> None:
    verbs = group(groups, "node", "the boxes that the centre knows (CAIRN_CENTRE_DATABASE)")
    fleet = command(
        verbs, "import", import_fleet, "take over boxes and cameras of a fleet file",
        "cairn-central node import fleet.json",
    )  # fmt: skip
    fleet.add_argument("file", type=Path)
    listing = command(verbs, "list", list_nodes, "list boxes and how they are", "cairn-central node list --json")
    revocation = command(verbs, "revoke", revoke, "take no more batches of a box", "cairn-central node revoke box-17")
    revocation.add_argument("node")
    cameras = command(
        group(groups, "camera", "the cameras that the centre knows"), "list", list_cameras, "list cameras",
        "cairn-central camera list",
    )  # fmt: skip
    for parser in (fleet, listing, revocation, cameras):
        env_file(parser, "CAIRN_CENTRE_")


def import_fleet(options: argparse.Namespace) -> Answer:
    from central.audit.service import record
    from central.database import writing
    from central.nodes.fleet_file import read_fleet
    from central.nodes.service import import_fleet as take_over
    from shared.clock import SystemClock

    fleet, now = read_fleet(options.file), SystemClock().now()
    with writing(_engine(options)) as session:
        counts = take_over(session, fleet, now)
        record(session, now, "console", "imported fleet", detail=" ".join(f"{n}={c}" for n, c in counts.items()))
    return counts


def list_nodes(options: argparse.Namespace) -> Answer:
    from sqlmodel import Session

    from central.nodes.endpoints import node_out
    from central.nodes.service import nodes

    with Session(_engine(options)) as session:
        return [node_out(row).model_dump(mode="json") for row in nodes(session)]


def revoke(options: argparse.Namespace) -> Answer:
    from central.audit.service import record
    from central.database import writing
    from central.nodes.service import revoke_node
    from shared.clock import SystemClock

    now = SystemClock().now()
    with writing(_engine(options)) as session:
        row = revoke_node(session, options.node, now)
        answer = {"node": row.node, "revoked_at": row.revoked_at}
        record(session, now, "console", "revoked node", detail=options.node)
    return answer


def list_cameras(options: argparse.Namespace) -> Answer:
    from sqlmodel import Session

    from central.nodes.endpoints import camera_out
    from central.nodes.service import cameras

    with Session(_engine(options)) as session:
        return [camera_out(row).model_dump(mode="json") for row in cameras(session)]


def _engine(options: argparse.Namespace) -> Engine:
    from central.database import open_database
    from central.settings import DatabaseSettings

    return open_database(DatabaseSettings.load(options.env_file).database.get_secret_value())
