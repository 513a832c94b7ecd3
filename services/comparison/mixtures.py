"""Evidence about one probability from counts, valid at every look. Pure.

The method of mixtures (Robbins, "Statistical methods related to the law of the iterated logarithm", Annals of
Mathematical Statistics 41, 1970) with a beta distribution over the alternatives, as the beta-binomial boundary of
Howard, Ramdas, McAuliffe and Sekhon ("Time-uniform, nonparametric, nonasymptotic confidence sequences", Annals of
Statistics 49, 2021), cut to one side of the hypothesis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaln, xlog1py, xlogy

Floats = NDArray[np.float64]

_RESERVE = math.log(0.1)
"""Log of the share of the stake that is never at risk: evidence for the other side cannot pull a product below it."""
_AT_STAKE = math.log(0.9)


class Against(Enum):
    """Which hypothesis about a probability the evidence speaks against."""

    AT_MOST = "at most"
    AT_LEAST = "at least"


@dataclass(frozen=True)
class Prior:
    """The beta distribution that alternatives are weighed by: ``successes`` and ``failures`` are its two shapes."""

    successes: float
    failures: float


def log_evidence(hits: ArrayLike, trials: ArrayLike, probability: ArrayLike, against: Against, prior: Prior) -> Floats:
    """Log e-value against "the probability of a hit is ``against`` ``probability``" after ``hits`` of ``trials``.

    Counts may be fractions (what would be seen in so much more of the same). Everything broadcasts. Never below
    log 0.1, so that products of several stay finite.
    """
    hits, trials, at = (np.asarray(each, dtype=float) for each in (hits, trials, probability))
    first, second = prior.successes + hits, prior.failures + (trials - hits)
    with np.errstate(divide="ignore", invalid="ignore"):
        mixed = (
            betaln(first, second)
            - betaln(prior.successes, prior.failures)
            + np.log(_beyond(first, second, at, against))
            - np.log(_beyond(prior.successes, prior.failures, at, against))
            - xlogy(hits, at)
            - xlog1py(trials - hits, -at)
        )
    # At the ends of the scale the hypothesis allows everything or nothing: 0 · log 0 there says nothing.
    mixed = np.where(np.isnan(mixed), -np.inf, mixed)
    evidence: Floats = np.logaddexp(_AT_STAKE + mixed, _RESERVE)
    return evidence


def _beyond(first: ArrayLike, second: ArrayLike, at: Floats, against: Against) -> Floats:
    """The part of a beta distribution on the other side of ``at`` than the hypothesis.

    The upper part by its mirror image: scipy's ``betaincc`` takes ten times as long and says the same.
    """
    upper = against is Against.AT_MOST
    part: Floats = betainc(second, first, 1 - at) if upper else betainc(first, second, at)
    return part
