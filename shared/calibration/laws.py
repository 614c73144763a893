"""How distances of codes are distributed, for one person and for two: parameters in, tables by distance out.

A bit of two codes differs with probability angle/π, and the angle varies from pair to pair, so a distance is binomial
with more than binomial spread: the beta-binomial law. The nearest of the strangers do not follow any law of the bulk;
below a threshold an exponential tail takes over, the generalised Pareto law of shape 0 (Pickands 1975, "Statistical
inference using extreme order statistics"). It is heavier than what was measured, which errs on the side of doubt.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt
from numpy.polynomial.hermite_e import hermegauss

from shared.errors import BadCalibration

Floats = npt.NDArray[np.float64]

_NODES = 40  # of Gauss and Hermite's, for what several distances have in common
_LEAST = 1e-30  # below which no probability is told from another

GENUINE: Final = 0.99
STRANGERS: Final = 0.01


@dataclass(frozen=True, slots=True)
class Bulk:
    """A beta-binomial law: mean share of differing bits 0..1, and the correlation of bits 0..1 that widens it."""

    mean: float
    spread: float

    def log_pmf(self, bits: int) -> Floats:
        """ln P(distance = k) for k = 0..bits."""
        total = 1 / self.spread - 1
        a, b = self.mean * total, (1 - self.mean) * total
        k = range(bits + 1)
        ln = math.lgamma
        constant = ln(bits + 1) + ln(a + b) - ln(a) - ln(b) - ln(bits + a + b)
        return np.array([constant - ln(i + 1) - ln(bits - i + 1) + ln(i + a) + ln(bits - i + b) for i in k])


@dataclass(frozen=True, slots=True)
class Tail:
    """Below `below` bits, which a `share` of strangers reach, each `scale` bits less is e times rarer."""

    below: int
    share: float
    scale: float


@dataclass(frozen=True, slots=True)
class Curve:
    """Distances of one kind of comparison.

    The correlations are those of two sightings of one person with one template, for the patient and for a stranger: a
    look-alike stays one, and the second picture says less than the first.
    """

    bits: int
    same: Bulk
    other: Bulk
    tail: Tail
    same_correlation: float
    other_correlation: float

    def tables(self, shift: int = 0, nearest_of: int = 1) -> Tables:
        """By distance; a `shift` of some bits says how much nearer than usual strangers are to this one template, and
        `nearest_of` how many pictures of the patient were compared, of which the nearest counts."""
        return _tables(self, shift, nearest_of)

    def log_other(self) -> Floats:
        """ln P(distance = k | a stranger) for k = 0..bits."""
        bulk, below = self.other.log_pmf(self.bits), self.tail.below
        above = bulk[below:] + math.log1p(-self.tail.share) - _log_sum(bulk[below:])
        # P(distance < k) ∝ exp((k - below)/scale), so the steps are geometric; there are `below` of them, down to 0.
        steps = -(below - 1 - np.arange(below)) / self.tail.scale
        return np.concatenate([steps - _log_sum(steps) + math.log(self.tail.share), above])


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """By distance 0..bits: ln P(distance | same)/P(distance | other), standard normal scores of both, and
    P(a stranger is as near)."""

    log_ratio: Floats
    same_score: Floats
    other_score: Floats
    other_reach: Floats


def fit(
    same: npt.NDArray[np.int64], other: npt.NDArray[np.int64], bits: int, share: float = 1e-3
) -> tuple[Bulk, Bulk, Tail]:
    """Laws of measured distances: the bulk by its moments, the tail below the `share` quantile by its mean excess."""
    below = max(int(np.quantile(other, share)), int(other.min()) + 1)  # somebody is in the tail, whatever the ties
    near = other[other < below]
    tail = Tail(below, len(near) / len(other), float((below - near).mean()))
    return _bulk(same, bits), _bulk(other, bits), tail


def radius(curves: Sequence[Curve], genuine: float = GENUINE, strangers: float = STRANGERS) -> int:
    """How far a search looks, in bits: `genuine` of the patient's codes lie within, or else `strangers` of others' do.

    The mean over all curves counts, for a search looks equally far for all kinds of sightings. Where genuine codes lie
    beyond (masked faces, clothes), strangers would flood the route: 1 in 100 of a city's day are 100,000 already.
    """
    same = np.mean([np.cumsum(np.exp(curve.same.log_pmf(curve.bits))) for curve in curves], axis=0)
    other = np.mean([curve.tables().other_reach for curve in curves], axis=0)
    far_enough, too_far = (int(np.searchsorted(law, share)) for law, share in ((same, genuine), (other, strangers)))
    return max(min(far_enough, too_far - 1), 1)


@lru_cache(maxsize=256)
def _tables(curve: Curve, shift: int, nearest_of: int) -> Tables:
    same, usual = curve.same.log_pmf(curve.bits), curve.log_other()
    at = np.arange(curve.bits + 1) + shift
    # Beyond either end nobody is: the shifted law is cut, and made whole again.
    other = np.where((at >= 0) & (at <= curve.bits), usual[at.clip(0, curve.bits)], usual.min())
    other = other - _log_sum(other)
    middle = round(curve.other.mean * curve.bits) - shift
    if nearest_of > 1:
        same = _log_nearest(same, nearest_of, curve.same_correlation)
        other = _log_nearest(other, nearest_of, curve.other_correlation)
        middle = int(np.searchsorted(np.cumsum(np.exp(other)), 0.5))
    ratio = _falling(same - other, middle)
    return Tables(ratio, _scores(same), _scores(other), np.cumsum(np.exp(other)))


def _log_nearest(log_pmf: Floats, count: int, correlation: float) -> Floats:
    """ln of the law of the least of `count` distances, each of which has this law: their normal scores share a part, by
    the `correlation` of any two, and are independent once it is known."""
    normal = NormalDist()
    within = np.minimum(np.cumsum(np.exp(log_pmf)), 1 - 1e-12)
    score = np.array([normal.inv_cdf(p) for p in np.maximum(within, _LEAST)])
    nodes, weights = hermegauss(_NODES)
    given = (score - math.sqrt(correlation) * nodes[:, None]) / math.sqrt(1 - correlation)
    each = np.array([[normal.cdf(x) for x in row] for row in given])
    least = (weights / weights.sum()) @ -np.expm1(count * np.log1p(-np.minimum(each, 1 - 1e-15)))
    pmf = np.log(np.maximum(np.diff(least, prepend=0.0), _LEAST))
    return np.asarray(pmf - _log_sum(pmf), np.float64)


def _bulk(distances: npt.NDArray[np.int64], bits: int) -> Bulk:
    mean = float(distances.mean()) / bits
    if not 0 < mean < 1:
        hint = "look whether each picture stands in the list once, and under its own person"
        raise BadCalibration("these codes are all the same, or all opposite", hint=hint)
    widened = float(distances.var()) / (bits * mean * (1 - mean))  # 1 where bits are independent
    return Bulk(mean, min(max((widened - 1) / (bits - 1), 1e-6), 0.999))


def _scores(log_pmf: Floats) -> Floats:
    """Standard normal scores of the middle of each step of the distribution, within ±8."""
    pmf = np.exp(log_pmf)
    # Both ends are summed from their own side, where the small numbers are.
    lower, upper = np.cumsum(pmf) - pmf / 2, np.cumsum(pmf[::-1])[::-1] - pmf / 2
    normal = NormalDist()
    sides = zip(np.maximum(lower, 1e-15), np.maximum(upper, 1e-15), strict=True)
    return np.array([normal.inv_cdf(p) if p < q else -normal.inv_cdf(q) for p, q in sides])


def _falling(ratio: Floats, middle: int) -> Floats:
    """A nearer code never speaks less for the same person, whatever the fitted laws say far from any data: below the
    strangers' mean the ratio is raised to what a farther code says, beyond it lowered to what a nearer one says."""
    near = np.maximum.accumulate(ratio[middle::-1])[::-1]
    return np.concatenate([near, np.minimum.accumulate(ratio[middle:])[1:]])


def _log_sum(x: Floats) -> float:
    top = float(x.max())
    return top + math.log(float(np.exp(x - top).sum()))
