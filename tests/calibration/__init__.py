"""Measures how distances of codes are distributed, with the box's own models on public photos; numbers come out."""
