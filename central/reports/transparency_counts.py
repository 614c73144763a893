"""Small counts are not published: 1 to 4 becomes "<5", and no sum gives them back.

Where a total is shown, it and the other counts would tell a hidden one. So further counts are withheld with it until
each hidden one could still be anything from 1 to 4; where there are not enough of them, the total is withheld.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SMALL: Final = 5
FEW: Final = f"<{SMALL}"
WITHHELD: Final = None

Shown = int | str | None


@dataclass(frozen=True, slots=True)
class Published:
    """Counts as they may be shown: a number, "<5", or None where one is withheld to protect another."""

    counts: Mapping[str, Shown]
    total: Shown = WITHHELD


def few(count: int) -> Shown:
    """One count that nothing else adds up to."""
    return FEW if 0 < count < SMALL else count


def apart(counts: Mapping[str, int]) -> dict[str, Shown]:
    """Counts of which no total is ever shown."""
    return {name: few(count) for name, count in counts.items()}


def with_total(counts: Mapping[str, int]) -> Published:
    """Counts and their total, as much of both as gives no small one away."""
    small = {name for name, count in counts.items() if 0 < count < SMALL}
    total = sum(counts.values())
    if 0 < total < SMALL:
        # Several small counts under a small total would each be squeezed further.
        return Published(apart(counts), FEW if len(small) == 1 else WITHHELD)
    withheld: set[str] = set()
    spare = sorted((name for name, count in counts.items() if count >= SMALL), key=lambda name: counts[name])
    while small and not _hidden_well([counts[name] for name in small], [counts[name] for name in withheld]):
        if not spare:
            return Published(apart(counts), WITHHELD)
        withheld.add(spare.pop(0))
    shown = {name: WITHHELD if name in withheld else few(count) for name, count in counts.items()}
    return Published(shown, total)


def _hidden_well(small: list[int], withheld: list[int]) -> bool:
    """Whether each of `small` could be 1 and could be 4, for who knows the sum of all these and which are which."""
    hidden, others = sum(small) + sum(withheld), len(small) - 1
    could_be_most = hidden >= SMALL - 1 + others + SMALL * len(withheld)
    could_be_least = bool(withheld) or hidden <= 1 + (SMALL - 1) * others
    return could_be_most and could_be_least
