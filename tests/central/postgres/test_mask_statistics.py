"""See tests/central/test_mask_statistics.py: sums of a real server are numbers of another kind than SQLite's."""

from tests.central.test_mask_statistics import (
    office,
    test_no_batch_is_opened_for_statistics,
    test_the_statistics_are_answered_and_noted,
    test_the_store_adds_up_the_headers_of_each_hour,
)

__all__ = [
    "office",
    "test_no_batch_is_opened_for_statistics",
    "test_the_statistics_are_answered_and_noted",
    "test_the_store_adds_up_the_headers_of_each_hour",
]
