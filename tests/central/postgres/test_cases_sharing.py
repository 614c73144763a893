"""See tests/central/test_cases_sharing.py."""

from tests.central.test_cases_sharing import *  # noqa: F403
