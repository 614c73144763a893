"""See tests/central/test_cases_ending.py."""

from tests.central.test_cases_ending import *  # noqa: F403
