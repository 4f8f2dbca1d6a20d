r"""By how much a forecast is wrong, and how that shrinks as time comes nearer.

The martingale model of forecast evolution: D. C. Heath and P. L. Jackson, "Modeling the
evolution of demand forecasts with application to safety stock analysis in
production/distribution systems", IIE Transactions 26 (1994) 17-30. A forecast is
renewed every :math:`R` steps. What is learned between two issues is one innovation, and
the forecast issued at :math:`i` is wrong by those still to come. With :math:`l` the
lead of a target, :math:`\sigma(l)` the standard deviation stated for it (0 below lead
0) and :math:`z_i` a stationary first-order autoregressive series over the targets, of
variance 1 and independent between issues,

.. math::
    E_i(l) = \sqrt{\sigma^2(l) - \sigma^2(l - R)}\; z_i(l) + E_{i+R}(l - R),

so that :math:`E_i(l)` has standard deviation :math:`\sigma(l)`, and what one issue said
and the next says differ by what was learned in between and nothing else.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from mosaik_bottomup.arrays import FloatArray

LEADS_H = (1.0, 12.0, 36.0)
"""Leads at which standard deviations are stated: linear between them, constant
beyond."""


@dataclass(frozen=True, slots=True)
class ErrorRules:
    """How errors of one kind are drawn."""

    sd: tuple[float, float, float]
    """Standard deviation at `LEADS_H`; must not fall."""
    correlation_h: float
    """Time over which the correlation between targets falls to 1/e."""
    renewed_every_h: float
    """Time between two issues; whole steps."""
    reach_h: float
    """Longest lead that is asked for."""


def standard_deviation(rules: ErrorRules, lead_h: FloatArray) -> FloatArray:
    """Return the standard deviation by lead time, 0 below lead 0.

    Raises
    ------
    ValueError
        If it falls with lead time.
    """
    if list(rules.sd) != sorted(rules.sd):
        raise ValueError(f"standard deviations {rules.sd} fall with lead time")
    sd: FloatArray = np.where(lead_h < 0, 0.0, np.interp(lead_h, LEADS_H, rules.sd))
    return sd


def errors_of_issues(
    rules: ErrorRules, step_h: float, series: int, seed: Sequence[int]
) -> Callable[[int], FloatArray]:
    """Return ``errors(issue)``: those of an issue, ``(series, leads)``, from lead 0 on.

    Issues are numbered; each next one is made `renewed_every_h` later. An issue's
    errors are a function of its number and the seed alone.
    """
    # takes half a second to import: only runs whose forecasts err pay for it
    from scipy.signal import lfilter

    every = round(rules.renewed_every_h / step_h)
    leads = every * -(-round(rules.reach_h / step_h) // every)
    lead_h: FloatArray = step_h * np.arange(leads, dtype=float)
    variance = standard_deviation(rules, lead_h) ** 2
    known = standard_deviation(rules, lead_h - every * step_h) ** 2
    scale = np.sqrt(variance - known)
    memory = float(np.exp(-step_h / rules.correlation_h))

    @lru_cache(maxsize=leads // every + 1)
    def innovation(issue: int) -> FloatArray:
        rng = np.random.default_rng([*seed, issue])
        noise = rng.standard_normal((series, leads))
        noise[:, 1:] *= np.sqrt(1 - memory**2)
        drawn: FloatArray = scale * lfilter([1.0], [1.0, -memory], noise)
        return drawn

    @lru_cache(maxsize=4)
    def errors(issue: int) -> FloatArray:
        total = innovation(issue).copy()
        for later in range(1, leads // every):
            first = later * every
            total[:, first:] += innovation(issue + later)[:, : leads - first]
        return total

    return errors
