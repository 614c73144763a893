"""See tests/central/test_batches_scope.py."""

from tests.central.test_batches_scope import *  # noqa: F403
