"""One real broker per test, in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.site import Site


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site whose broker runs."""
    made = Site(tmp_path)
    made.start()
    yield made
    made.kill()
