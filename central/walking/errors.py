"""Refusals of the walking network: BadInput ── BadExtract (NoWays), BadWays, TooDense."""

from __future__ import annotations

from shared.errors import BadInput


class BadExtract(BadInput):
    """A file is no whole OpenStreetMap extract, or too large a one."""


class NoWays(BadExtract):
    """An extract has no way to walk on anywhere near a camera."""


class BadWays(BadInput):
    """A file of ways between cameras cannot be read."""


class TooDense(BadInput):
    """So many cameras are within reach of each other that their pairs would fill the memory."""
