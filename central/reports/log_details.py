"""What the centre's own programs write into the details of the log's entries, read back for reports.

Details of entries that were erased with their case are empty; then nothing is known but the kind of act.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

NOT_KNOWN: Final = "not known"
_KIND = re.compile(r"^(?:[A-Z]+ )?([A-Z][A-Za-z]+)(?::|$)")
_AUTHORITIES = re.compile(r"^by ([^;]*);")
_NUMBERS = re.compile(r"\b(\d+) (cell-hours|batches)\b")


@dataclass(frozen=True, slots=True)
class Released:
    """Who released keys for a search, for how many cell-hours, and through how many batches it went."""

    authorities: Sequence[str]
    cell_hours: int
    batches: int


def refusal_kind(detail: str) -> str:
    """The name of the refusal in "GET NotFound: there is no such case"."""
    kind = _KIND.match(detail)
    return kind[1] if kind else NOT_KNOWN


def released(detail: str) -> Released:
    """From "by authority-a, authority-b; 26 cell-hours, 3 batches searched"."""
    by, numbers = _AUTHORITIES.match(detail), {what: int(n) for n, what in _NUMBERS.findall(detail)}
    names = [name.strip() for name in by[1].split(",")] if by else [NOT_KNOWN]
    return Released(names, numbers.get("cell-hours", 0), numbers.get("batches", 0))
