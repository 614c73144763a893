"""Boxes and their cameras, as the centre knows them."""
