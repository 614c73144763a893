"""Sealed canaries: a batch a day under a reserved cell's keys, which must not open once the day is destroyed."""
