"""See tests/central/test_ingest.py."""

from tests.central.test_ingest import *  # noqa: F403
