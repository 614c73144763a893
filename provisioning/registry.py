"""The workshop's own book: cameras, nodes, one-time claims, issued certificates (SQLite)."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from provisioning.files import make_folder
from shared.errors import CairnError

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


class BadRegistry(CairnError):
    """The registry cannot be opened, read or written."""


@contextmanager
def open_registry(path: Path) -> Iterator[sqlite3.Connection]:
    """One transaction on the registry: all of it is written, or nothing. Raises BadRegistry."""
    make_folder(path.parent)
    try:
        with closing(sqlite3.connect(path, timeout=30)) as connection:
            connection.row_factory = sqlite3.Row
            connection.executescript(_SCHEMA)
            with connection:
                yield connection
    except sqlite3.Error as error:
        hint = "does another command run? is the disk full? else bring back a copy of this file"
        raise BadRegistry(f"the registry {path} cannot be used: {error}", hint=hint) from None
