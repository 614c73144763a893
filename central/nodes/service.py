"""Enter, revoke and list boxes and cameras."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlmodel import Session, col, select

from central.errors import NotFound
from central.nodes.tables import Camera, Node
from shared.errors import BadInput
from shared.ids import check_id
from shared.keys import signing_public


def put_node(session: Session, node: str, cell: str, public: bytes) -> None:
    """Enter a box or replace its key; a revoked one becomes valid again with its new key."""
    signing_public(public)
    session.merge(Node(node=check_id(node, "node"), cell=check_id(cell, "cell"), signing_public=public))


def put_cameras(session: Session, cameras: Iterable[Camera]) -> None:
    """Enter cameras or move them."""
    for camera in cameras:
        check_id(camera.camera, "camera")
        check_id(camera.cell, "cell")
        if not (-90 <= camera.latitude <= 90 and -180 <= camera.longitude <= 180):
            raise BadInput(f"{camera.camera} is nowhere on earth", hint="latitude and longitude in degrees")
        session.merge(camera)


def revoke_node(session: Session, node: str, now: datetime) -> None:
    """Take no more batches of this box; what it sent before stays."""
    row = session.get(Node, node)
    if row is None:
        raise NotFound(f"there is no node {node[:40]!r}", hint="list them with: cairn-central node list")
    row.revoked_at = row.revoked_at or now
    session.add(row)


def node_keys(session: Session) -> dict[str, Ed25519PublicKey]:
    """The keys of all boxes that are not revoked."""
    rows = session.exec(select(Node).where(col(Node.revoked_at).is_(None))).all()
    return {row.node: signing_public(row.signing_public) for row in rows}


def cameras(session: Session) -> list[Camera]:
    return list(session.exec(select(Camera).order_by(Camera.camera)).all())
