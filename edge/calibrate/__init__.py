"""Measures the box's models on folders of pictures with known truth: what the figures in the cards come from."""

from __future__ import annotations

from shared.errors import CairnError


class BadMaterial(CairnError):
    """A folder or a list for measuring is missing, or not laid out as it should be."""
