"""Databases with the tables of today, copied from one that the migrations made: making each anew is most of a test."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

from central.authority import tables as authority
from central.database import open_database


def centres_database(path: Path) -> None:
    """Put a new centre's database at `path`, unless there is one."""
    put_database(path, _centre)


def authoritys_database(path: Path) -> None:
    """Put a new authority's database at `path`, unless there is one."""
    put_database(path, _authority)


def put_database(path: Path, made: Callable[[], bytes]) -> None:
    """Put what `made` gives at `path`, unless there is a database."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(made())


@cache
def _centre() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "centre.sqlite"
        open_database(f"sqlite:///{path}").dispose()
        return path.read_bytes()


@cache
def _authority() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "authority.sqlite"
        authority.open_database(path).dispose()
        return path.read_bytes()
