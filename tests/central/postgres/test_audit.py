"""See tests/central/test_audit.py."""

from tests.central.test_audit import *  # noqa: F403
