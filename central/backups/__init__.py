"""Copies of the centre's database, and what a restored one must learn before anything is served from it."""
