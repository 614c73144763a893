"""Figures of comparisons: how often the same is accepted and the other refused, and who comes first in a list."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

Floats = npt.NDArray[np.floating]
Bools = npt.NDArray[np.bool_]


def verification(scores: Floats, same: Bools) -> dict[str, float]:
    """Figures of scores [n], −inf where there was nothing to compare.

    `auc`, `accuracy` at the best threshold, and the share of true pairs accepted (TAR) at the threshold that accepts no
    more than 1 in 100, and 1 in 1,000, of the others (FAR).
    """
    return {
        "auc": auc(scores, same),
        "accuracy": _best_accuracy(scores, same),
        "tar_at_far_1e-2": tar(scores, same, 1e-2),
        "tar_at_far_1e-3": tar(scores, same, 1e-3),
    }


def auc(scores: Floats, same: Bools) -> float:
    """The probability that a true pair scores higher than another, ties counted half (Mann–Whitney)."""
    true, other = int(same.sum()), int((~same).sum())
    ranks = rankdata(scores)
    return float((ranks[same].sum() - true * (true + 1) / 2) / max(true * other, 1))


def tar(scores: Floats, same: Bools, far: float) -> float:
    """A pair is accepted where it scores higher than all but `far` of the others; misses to detect are refused."""
    others = np.sort(scores[~same])[::-1]
    threshold = others[int(far * len(others))]
    return float((scores[same] > threshold).mean())


def retrieval(scores: Floats, queries: npt.NDArray[np.str_], gallery: npt.NDArray[np.str_]) -> dict[str, float]:
    """Figures of scores [queries, gallery], given who each is.

    The share of queries with the right person first (`rank_1`) or among the first five, and the mean average precision.
    """
    order = np.argsort(-scores, axis=1, kind="stable")
    right = gallery[order] == queries[:, None]
    place = np.arange(1, right.shape[1] + 1)
    precision = right.cumsum(axis=1) / place
    average = (precision * right).sum(axis=1) / np.maximum(right.sum(axis=1), 1)
    return {
        "rank_1": float(right[:, 0].mean()),
        "rank_5": float(right[:, :5].any(axis=1).mean()),
        "map": float(average.mean()),
    }


def _best_accuracy(scores: Floats, same: Bools) -> float:
    order = np.argsort(-scores, kind="stable")
    ordered, truth = scores[order], same[order]
    right = np.concatenate([[0], truth.cumsum()]) + np.concatenate([[0], (~truth).cumsum()])[-1]
    right = right - np.concatenate([[0], (~truth).cumsum()])
    # A threshold lies between two different scores, never between equal ones.
    between = np.concatenate([[True], ordered[1:] != ordered[:-1], [True]])
    return float(right[between].max() / len(scores))
