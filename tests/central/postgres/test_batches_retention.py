"""See tests/central/test_batches_retention.py."""

from tests.central.test_batches_retention import (  # noqa: F401
    site,
    test_a_days_file_goes_with_its_last_hour_and_the_log_says_so,
    test_late_batches_of_a_dropped_hour_go_with_it,
)
