"""The workshop's own book: cameras, nodes, one-time claims, issued certificates (SQLite)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS cameras (
  camera TEXT PRIMARY KEY, latitude REAL NOT NULL, longitude REAL NOT NULL, indoor INTEGER NOT NULL, cell TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS nodes (
  node TEXT PRIMARY KEY, cell TEXT NOT NULL,
  claim BLOB, claim_expires TEXT,
  certificate BLOB, signing_public BLOB, sealing_public BLOB, enrolled_at TEXT, revoked_at TEXT
) STRICT;
"""


@contextmanager
def open_registry(path: Path) -> Iterator[sqlite3.Connection]:
    """One transaction on the registry: all of it is written, or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=30)
    connection.row_factory = sqlite3.Row
    try:
        connection.executescript(_SCHEMA)
        with connection:
            yield connection
    finally:
        connection.close()
