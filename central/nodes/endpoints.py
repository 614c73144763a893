"""Boxes and cameras over HTTP, for technicians; tracers see where cameras hang, and nothing else of a box."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from sqlmodel import Session

from central.accounts.endpoints import SIGNED_IN, At, Technician, holding
from central.accounts.service import Role
from central.accounts.tables import Account
from central.answers import Name, refusals
from central.audit.service import record
from central.database import writing
from central.errors import NotFound
from central.nodes import service
from central.nodes.tables import Camera, Node

router = APIRouter(tags=["nodes"])
Anyone = Annotated[Account, Depends(holding(Role.TECHNICIAN, Role.TRACER, Role.APPROVER))]


class NodeOut(BaseModel):
    """A box as it last described itself. `waiting` counts batches in its outbox, `lost` tracks it could not store."""

    node: str
    cell: str
    state: str
    last_seen: datetime | None
    camera_state: str
    waiting: int
    lost: int
    clock_synchronised: bool
    revoked_at: datetime | None


class CameraOut(BaseModel):
    camera: str
    latitude: float
    longitude: float
    indoor: bool
    cell: str


@router.get("/nodes", summary="List boxes and how they are", responses=refusals(*SIGNED_IN))
def list_nodes(centre: At, _account: Technician) -> list[NodeOut]:
    with Session(centre.engine) as session:
        return [node_out(row) for row in service.nodes(session)]


@router.post("/nodes/{node}/revoke", summary="Take no more batches of a box", responses=refusals(*SIGNED_IN, NotFound))
def revoke_node(node: Name, centre: At, account: Technician) -> NodeOut:
    """Within seconds ingest refuses whatever this box sends. Revoke its certificate and its shares as well."""
    now = centre.clock.now()
    with writing(centre.engine) as session:
        out = node_out(service.revoke_node(session, node, now))
        record(session, now, account.name, "revoked node", detail=node)
        return out


@router.get("/cameras", summary="List cameras", responses=refusals(*SIGNED_IN))
def list_cameras(centre: At, _account: Anyone) -> list[CameraOut]:
    with Session(centre.engine) as session:
        return [camera_out(row) for row in service.cameras(session)]


def node_out(row: Node) -> NodeOut:
    return NodeOut(**{name: getattr(row, name) for name in NodeOut.model_fields})


def camera_out(row: Camera) -> CameraOut:
    return CameraOut(**{name: getattr(row, name) for name in CameraOut.model_fields})
