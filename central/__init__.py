"""The centre: sealed batches in, routes out, and nothing without an approved case."""
