"""The same behaviour on PostgreSQL: tests that are written once and run on both databases."""
