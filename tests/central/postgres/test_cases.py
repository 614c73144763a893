"""See tests/central/test_cases.py."""

from tests.central.test_cases import *  # noqa: F403

# Two that look into SQLite's own files.
del test_withdrawing_leaves_no_trace_of_the_route_on_disk  # noqa: F821
del test_a_withdrawal_during_a_long_read_does_not_wait_and_is_finished_later  # noqa: F821
