"""Is the patient's template known again by what a street camera sees, with and without a face mask?

The first photo of a pair makes the template, the second walks past. A masked face is compared with the template that
registration makes for it: the photo with masks drawn on. A face that is not found counts as a miss.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.calibrate.curves import Floats, verification
from edge.calibrate.pairs import Pair
from edge.calibrate.walks import Walks

FIRST_WALK = 0


def street_rows(pairs: Sequence[Pair], walks: Walks) -> dict[str, dict[str, float]]:
    """Rows street_1_shot, street and street_masked."""
    rows = {
        "street_1_shot": (walks.bare, walks.one_shot),
        "street": (walks.bare, walks.seen_bare[:, FIRST_WALK]),
        "street_masked": (walks.masked, walks.seen_masked[:, FIRST_WALK]),
    }
    row_of = {name: row for row, name in enumerate(walks.names)}
    missing = float(len({name for pair in pairs for name in (pair.a, pair.b)} - row_of.keys()))
    same = np.array([pair.same for pair in pairs])
    score = {row: np.array([_cosine(pair, row_of, *both) for pair in pairs]) for row, both in rows.items()}
    return {row: verification(scores, same) | {"not_found": missing} for row, scores in score.items()}


def _cosine(pair: Pair, row_of: dict[str, int], templates: Floats, seen: Floats) -> float:
    if pair.a not in row_of or pair.b not in row_of:
        return -np.inf
    return float(templates[row_of[pair.a]] @ seen[row_of[pair.b]])
