"""Enter, revoke and list boxes and cameras."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from central.errors import NotFound
from central.nodes.tables import Camera, Node
from shared.errors import BadInput
from shared.fleet import Fleet
from shared.ids import check_id
from shared.keys import signing_public


def put_node(session: Session, node: str, cell: str, public: bytes) -> None:
    """Enter a box or replace its key; a revoked one becomes valid again with another key, never with the old."""
    signing_public(public)
    row = session.get(Node, node) or Node(node=check_id(node, "node"), cell=cell, signing_public=public)
    if row.signing_public != public:
        row.revoked_at = None
    row.cell, row.signing_public = check_id(cell, "cell"), public
    session.add(row)


def put_cameras(session: Session, cameras: Iterable[Camera]) -> None:
    """Enter cameras or move them."""
    for camera in cameras:
        check_id(camera.camera, "camera")
        check_id(camera.cell, "cell")
        if not (-90 <= camera.latitude <= 90 and -180 <= camera.longitude <= 180):
            raise BadInput(f"{camera.camera} is nowhere on earth", hint="latitude and longitude in degrees")
        session.merge(camera)


def import_fleet(session: Session, fleet: Fleet, now: datetime) -> dict[str, int]:
    """Take over what the workshop exported; again is harmless. Counts nodes, revoked nodes and cameras."""
    for one in fleet.nodes:
        put_node(session, one.node, one.cell, one.signing_public)
        if one.revoked:
            revoke_node(session, one.node, now)
    put_cameras(
        session,
        (
            Camera(camera=c.camera, latitude=c.latitude, longitude=c.longitude, indoor=c.indoor, cell=c.cell)
            for c in fleet.cameras
        ),
    )
    revoked = sum(one.revoked for one in fleet.nodes)
    return {"nodes": len(fleet.nodes) - revoked, "revoked": revoked, "cameras": len(fleet.cameras)}


def revoke_node(session: Session, node: str, now: datetime) -> Node:
    """Take no more batches of this box; what it sent before stays."""
    row = session.get(Node, node)
    if row is None:
        raise NotFound(f"there is no node {node[:40]!r}", hint="list them with: cairn-central node list")
    row.revoked_at = row.revoked_at or now
    session.add(row)
    return row


def signing_keys(session: Session, nodes: Iterable[str]) -> dict[str, bytes]:
    """Raw keys of those of `nodes` that are known and not revoked."""
    query = select(Node.node, Node.signing_public).where(col(Node.node).in_(set(nodes)), col(Node.revoked_at).is_(None))
    return dict(session.exec(query).all())


def nodes(session: Session) -> Sequence[Node]:
    return session.exec(select(Node).order_by(Node.node)).all()


def cameras(session: Session) -> list[Camera]:
    return list(session.exec(select(Camera).order_by(Camera.camera)).all())


def cells(session: Session) -> set[str]:
    """The cells that have a camera."""
    return set(session.exec(select(Camera.cell).distinct()).all())
