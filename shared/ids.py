"""Names of nodes, cameras, cells, cases and authorities: one rule for all of them."""

from __future__ import annotations

import re
from functools import lru_cache

from shared.errors import BadIdentifier

_RULE = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def is_id(text: str) -> bool:
    """Whether check_id would take it."""
    return isinstance(text, str) and _fits(text)


@lru_cache(4096)
def _fits(text: str) -> bool:
    # A search reads the same few names in millions of batches.
    return _RULE.fullmatch(text) is not None


def check_id(text: str, what: str) -> str:
    """Return `text` when it is a valid name, so that it is safe in topics, paths and key derivation.

    Raises BadIdentifier, which names `what` and never repeats more than 20 characters of the input.
    """
    if is_id(text):
        return text
    raise BadIdentifier(
        f"{what} {str(text)[:20]!r} is not a valid name",
        hint="use 1 to 63 lower-case letters, digits and hyphens, beginning with a letter or a digit",
    )
