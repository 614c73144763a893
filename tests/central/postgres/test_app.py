"""See tests/central/test_app.py."""

from tests.central.test_app import *  # noqa: F403
