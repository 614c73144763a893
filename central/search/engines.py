"""Engines by name, as settings and commands give them; Ray is loaded only for whoever asks for it."""

from __future__ import annotations

from typing import Literal, get_args

from sqlalchemy import Engine as Database

from central.search.engine import Engine

Name = Literal["local", "ray"]
NAMES: tuple[str, ...] = get_args(Name)


def engine_named(name: str, database: Database, archive: str = "", address: str = "") -> Engine | None:
    """None is the local engine, which every search has anyway. Raises as RayEngine does."""
    if name == "local":
        return None
    from central.search.ray_engine import RayEngine  # noqa: PLC0415  (see above)

    return RayEngine(database.url.render_as_string(hide_password=False), archive, address)
