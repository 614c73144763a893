"""Nodes and cameras."""

from __future__ import annotations

import datetime as dt

from sqlmodel import Field

from central.database import CentreTable, UtcTime


class Node(CentreTable, table=True):
    """A box: its cell, and the raw Ed25519 key that its batches are verified with."""

    node: str = Field(primary_key=True)
    cell: str
    signing_public: bytes
    revoked_at: dt.datetime | None = Field(default=None, sa_type=UtcTime)


class Camera(CentreTable, table=True):
    """Where a camera hangs (degrees), and which cell it belongs to."""

    camera: str = Field(primary_key=True)
    node: str = Field(index=True)
    latitude: float
    longitude: float
    indoor: bool = False
    cell: str = Field(index=True)
