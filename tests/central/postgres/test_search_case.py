"""See tests/central/test_search_case.py."""

from tests.central.test_search_case import *  # noqa: F403
