"""See tests/central/test_roles.py."""

from tests.central.test_roles import *  # noqa: F403
