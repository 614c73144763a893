"""See tests/central/test_retention.py."""

from tests.central.test_retention import *  # noqa: F403
