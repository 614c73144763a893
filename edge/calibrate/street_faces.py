"""Is the patient's template known again by what a street camera sees, with and without a face mask?

The first photo of a pair makes the template, the second walks past. A masked face is compared with the template that
registration makes for it: the photo with masks drawn on. A face that is not found counts as a miss.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edge.calibrate.curves import Floats, verification
from edge.calibrate.pairs import Pair
from edge.calibrate.walks import LOST, Walks

FIRST_WALK = 0


def street_rows(pairs: Sequence[Pair], walks: Walks) -> dict[str, dict[str, float]]:
    """Rows street_1_shot, street and street_masked; `not_found` counts walks without a usable face."""
    bare, masked = walks.quality_bare[:, FIRST_WALK] > LOST, walks.quality_masked[:, FIRST_WALK] > LOST
    rows = {
        "street_1_shot": (walks.bare, walks.one_shot, bare),
        "street": (walks.bare, walks.seen_bare[:, FIRST_WALK], bare),
        "street_masked": (walks.masked, walks.seen_masked[:, FIRST_WALK], masked),
    }
    row_of = {name: row for row, name in enumerate(walks.names)}
    same = np.array([pair.same for pair in pairs])
    figures = {}
    for row, (templates, seen, valid) in rows.items():
        scores = np.array([_cosine(pair, row_of, templates, np.where(valid[:, None], seen, np.nan)) for pair in pairs])
        figures[row] = verification(scores, same) | {"not_found": float((~valid).sum())}
    return figures


def _cosine(pair: Pair, row_of: dict[str, int], templates: Floats, seen: Floats) -> float:
    """−inf where there is no face to compare."""
    if pair.a not in row_of or pair.b not in row_of:
        return -np.inf
    cosine = float(templates[row_of[pair.a]] @ seen[row_of[pair.b]])
    return -np.inf if np.isnan(cosine) else cosine
