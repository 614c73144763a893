"""See tests/central/test_cases.py."""

from tests.central.test_cases import *  # noqa: F403
