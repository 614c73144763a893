"""Nodes and cameras."""

from __future__ import annotations

import datetime as dt

from sqlmodel import Field

from central.database import CentreTable, UtcTime


class Node(CentreTable, table=True):
    """A box: its cell, the raw Ed25519 key that its batches are verified with, and what it last said of itself.

    `state` is up, down or unknown; `waiting` counts the batches in its outbox, `lost` the tracks it could not store.
    """

    node: str = Field(primary_key=True)
    cell: str
    signing_public: bytes
    revoked_at: dt.datetime | None = Field(default=None, sa_type=UtcTime)
    state: str = "unknown"
    last_seen: dt.datetime | None = Field(default=None, sa_type=UtcTime)
    camera_state: str = "unknown"
    waiting: int = 0
    lost: int = 0
    clock_synchronised: bool = False


class Camera(CentreTable, table=True):
    """Where a camera hangs (degrees), and which cell it belongs to."""

    camera: str = Field(primary_key=True)
    latitude: float
    longitude: float
    indoor: bool = False
    cell: str = Field(index=True)
