"""See tests/central/test_publisher.py."""

from tests.central.test_publisher import *  # noqa: F403
