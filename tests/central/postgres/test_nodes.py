"""See tests/central/test_nodes.py."""

from tests.central.test_nodes import *  # noqa: F403
