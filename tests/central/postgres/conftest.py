"""Everything below here keeps the centre's data on PostgreSQL."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _on_postgres(on_postgres: None) -> None:
    """See tests/postgres.py."""
