"""1 · Codes of one person under two keys tell nothing; under one key they tell everything, so the measure has power."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.privacy import MATED, STRANGERS, d_sys, pairs_apart


def linkability(mated: int, others: int) -> tuple[float, float, float]:
    """D_sys across epochs, of the same scores with shuffled labels, and within one epoch."""
    rng = np.random.default_rng(7)
    across, within = pairs_apart(rng, False, mated, others), pairs_apart(rng, True, mated, others)
    mixed = rng.permutation(np.concatenate(across))
    return d_sys(*across), d_sys(mixed[:mated], mixed[mated:]), d_sys(*within)


def test_two_hours_of_one_person_cannot_be_linked() -> None:
    """Across epochs D_sys is what shuffled labels give, within one it is nearly 1; in full in the next test."""
    across, null, within = linkability(1024, 4096)
    assert across < null + 0.05  # with so few pairs the estimate gives about 0.1 for nothing
    assert within > 0.9


@pytest.mark.slow
def test_in_full_it_is_below_a_twentieth() -> None:
    """At least 30,000 mated and 150,000 other pairs, a fresh key each: at most 0.05, and at least 0.9 under one key."""
    assert MATED >= 30_000
    assert STRANGERS >= 150_000
    across, null, within = linkability(MATED, STRANGERS)
    assert across <= 0.05
    assert abs(across - null) < 0.02
    assert within >= 0.9
