"""See tests/central/test_batches_archives.py; the laws over random acts need no second kind of database."""

from tests.central.test_batches_archives import (  # noqa: F401
    site,
    small_groups,
    test_a_batch_that_was_archived_is_known_when_it_comes_again,
    test_a_search_that_goes_on_while_days_move_misses_nothing,
    test_late_batches_are_read_beside_the_archive_and_merged_when_they_are_worth_it,
    test_two_compactions_at_once_move_every_batch_once,
    test_what_was_archived_is_read_as_it_came,
)
