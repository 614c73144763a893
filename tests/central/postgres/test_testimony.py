"""See tests/central/test_testimony.py: the timeline itself."""

from tests.central.test_testimony import (  # noqa: F401
    office,
    test_a_timeline_ends_somewhere,
    test_a_timeline_is_told_changed_and_read_in_order,
    test_a_visit_of_another_case_cannot_be_reached_through_ones_own,
)
