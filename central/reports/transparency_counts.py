"""Small counts are not published: 1 to 4 becomes "<5", and no total gives them back.

Beside a hidden count a total would tell it. Withholding a further count instead tells it as well, more slyly: which
further count it is, and that one was enough, depends on the hidden one. So the total becomes a bound that follows
from what is shown anyway.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SMALL: Final = 5
FEW: Final = f"<{SMALL}"

Shown = int | str | None


@dataclass(frozen=True, slots=True)
class Published:
    """Counts as they may be shown, a number or "<5"; the total is a number, or "≥ 41"."""

    counts: Mapping[str, Shown]
    total: Shown


def few(count: int) -> Shown:
    """One count that nothing else adds up to."""
    return FEW if 0 < count < SMALL else count


def apart(counts: Mapping[str, int]) -> dict[str, Shown]:
    """Counts of which no total is ever shown."""
    return {name: few(count) for name, count in counts.items()}


def with_total(counts: Mapping[str, int]) -> Published:
    """Counts, and their total as far as it gives no small one away."""
    shown = apart(counts)
    hidden = sum(value == FEW for value in shown.values())
    least = sum(value for value in shown.values() if isinstance(value, int)) + hidden
    return Published(shown, f"≥ {least}" if hidden else least)
