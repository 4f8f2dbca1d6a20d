"""How sure a mean over seeds is: bootstrap intervals, the same at every call."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from mosaik_bottomup.arrays import FloatArray, IntArray

RESAMPLES = 10_000
SEED = 0
CONFIDENCE = 0.95
"""Probability that the interval is to cover."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean, and what it could as well have been."""

    mean: float
    low: float
    high: float


def interval(values: ArrayLike) -> Interval:
    r"""Return the mean over seeds and its 95 % percentile bootstrap interval.

    With :math:`x^*_{bj}` drawn from the n values with replacement, low and high are the
    2.5 % and 97.5 % quantiles of the means
    :math:`\bar x^*_b = \frac{1}{n} \sum_j x^*_{bj}` over b (B. Efron, R. Tibshirani,
    *An Introduction to the Bootstrap*, 1993, section 13.3). For paired differences the
    values are those differences, one per seed. Of one value, all three are the value.

    Parameters
    ----------
    values
        One per seed, shape ``(n,)`` with n at least 1, finite.

    Raises
    ------
    ValueError
        If there is no value, or one is not finite.
    """
    x: FloatArray = np.asarray(values, dtype=float)
    if x.ndim != 1 or not x.size:
        raise ValueError(f"needs one value per seed, not shape {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError(f"value {int(np.argmin(np.isfinite(x)))} is not finite")
    mean = float(x.mean())
    if (x == x[0]).all():
        return Interval(float(x[0]), float(x[0]), float(x[0]))
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(x[_draws(x.size)].mean(axis=1), [tail, 1 - tail])
    return Interval(mean, float(low), float(high))


@cache
def _draws(size: int) -> IntArray:
    """Return which values each resample takes, shape ``(b, n)``."""
    return np.random.default_rng(SEED).integers(size, size=(RESAMPLES, size))
