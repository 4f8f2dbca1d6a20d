"""How hard the transformers are loaded: peaks, duration, overload, ramps, rebound.

Arrays are (area, time); a loading is current over rated current, in percent and never
negative; a power is the mean over its step, consumption positive.
"""

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray, IntArray
from mosaik_bottomup.results import Results

LOADING_TOLERANCE_PERCENT = 1e-6
"""Forgives what a power flow's iteration leaves."""
BINDING_TOLERANCE_PERCENT = 1.0
"""How near to its limit, in percent of the rating, a loading counts as held there: the
DSO keeps a margin of that size (``dso.loading_margin_percent``)."""
PRICE_TOLERANCE_DKK_PER_KWH = 1e-6
"""Forgives what a solver leaves on a dual that is zero."""
REBOUND_WINDOW_H = 6.0
"""How long after the last binding step a rebound is looked for."""
RARE_PERCENTILE = 99.9
QUARTER_HOUR_S = 900
PERCENT = 100.0


def loading_limit_percent(results: Results) -> FloatArray:
    """Return each area's limit in percent of its transformer's rating, shape (area,).

    ``100 · limit / rating``, both in kVA.
    """
    areas = results.static["areas"]
    return PERCENT * areas["limit"] / areas["rating"]


def overloaded(loading_percent: FloatArray, limit_percent: FloatArray) -> BoolArray:
    """Return where a loading exceeds its limit, shape (area, time)."""
    return loading_percent > limit_percent[:, None] + LOADING_TOLERANCE_PERCENT


def overload_energy_kwh(
    loading_percent: FloatArray,
    limit_percent: FloatArray,
    power_kw: FloatArray,
    step_h: float,
) -> FloatArray:
    """Return the active energy above the limit, shape (area,).

    ``Σ_k h · |P_k| · (1 − limit / loading_k)`` over the overloaded steps: what would
    have to go for the loading to come down to the limit at the same power factor.
    """
    over = overloaded(loading_percent, limit_percent)
    share = 1.0 - limit_percent[:, None] / np.where(over, loading_percent, np.inf)
    energy: FloatArray = np.where(over, share * np.abs(power_kw), 0.0).sum(1) * step_h
    return energy


def quarter_hour_means(values: FloatArray, time_s: IntArray) -> FloatArray:
    """Return the means over quarter-hours, the metering period, shape (area, quarter).

    Steps are gathered by the quarter-hour of the clock they start in; one of a quarter
    of an hour or longer stands for itself.

    Parameters
    ----------
    values
        Means over the steps, shape (area, time).
    time_s
        Start of each step, seconds since 1970 UTC, shape (time,).
    """
    quarter = time_s // QUARTER_HOUR_S
    first = np.flatnonzero(np.diff(quarter, prepend=quarter[0] - 1))
    steps = np.diff(first, append=len(time_s))
    means: FloatArray = np.add.reduceat(values, first, axis=1) / steps
    return means


def load_duration_percent(loading_percent: FloatArray) -> FloatArray:
    """Return the load duration curve: each row sorted, highest first, (area, time).

    Column ``m`` of ``n`` is the loading reached or exceeded for ``(m + 1)/n`` of the
    time.
    """
    return -np.sort(-loading_percent, axis=1)


def rare_loading_percent(loading_percent: FloatArray) -> FloatArray:
    """Return the 99.9th percentile of the loading over time, shape (area,).

    Between two values of the load duration curve it is interpolated (Hyndman and Fan,
    Sample quantiles in statistical packages, 1996, type 7); so on one day of
    quarter-hours it is close to the peak.
    """
    rare: FloatArray = np.percentile(loading_percent, RARE_PERCENTILE, axis=1)
    return rare


def largest_ramp_kw(power_kw: FloatArray) -> FloatArray:
    """Return the largest change from one step to the next, shape (area,).

    ``max_k |P_k − P_k−1|``, upward or downward; 0 in a run of one step.
    """
    ramp: FloatArray = np.abs(np.diff(power_kw, axis=1)).max(axis=1, initial=0.0)
    return ramp


def binding(
    loading_percent: FloatArray,
    limit_percent: FloatArray,
    congestion_price_dkk_per_kwh: FloatArray,
    kept: BoolArray,
) -> BoolArray:
    """Return where an area's limit held the load back, shape (area, time).

    Either the limit has a price, of whichever sign (import or export is scarce), or
    somebody keeps the limit and the loading is within
    :data:`BINDING_TOLERANCE_PERCENT` of it. A run in which nobody keeps a limit
    (price-only) is never bound, however high its load. Where somebody keeps it badly,
    a load on its way through the limit counts as bound in passing.

    Parameters
    ----------
    loading_percent
        Shape (area, time).
    limit_percent
        Shape (area,).
    congestion_price_dkk_per_kwh
        NaN where nobody has set one; shape (area, time).
    kept
        Where the DSO allows only so much, shape (area, time).
    """
    price = np.nan_to_num(np.abs(congestion_price_dkk_per_kwh))
    away_percent = np.abs(loading_percent - limit_percent[:, None])
    at_limit: BoolArray = kept & (away_percent <= BINDING_TOLERANCE_PERCENT)
    return (price > PRICE_TOLERANCE_DKK_PER_KWH) | at_limit


def bound_steps(results: Results) -> BoolArray:
    """Return where an area's limit bound in a run (:func:`binding`), (area, time)."""
    kept = np.isfinite(results.series("areas", "import_limit_kw"))
    kept |= np.isfinite(results.series("areas", "export_limit_kw"))
    return binding(
        results.series("transformers", "loading"),
        loading_limit_percent(results),
        results.series("areas", "congestion_price"),
        kept,
    )


def rebound_ratio(
    loading_percent: FloatArray,
    limit_percent: FloatArray,
    bound: BoolArray,
    window_steps: int,
) -> FloatArray:
    """Return how high the load comes back after it was held, shape (area,).

    ``max loading_k / limit`` over the ``window_steps`` steps after a binding step that
    is the last one for that long; so a morning's and an evening's congestion are both
    looked at. Above 1 the load deferred has come back as an overload of its own. NaN
    where nothing bound, or the run ends with the last binding step.
    """
    steps = np.arange(bound.shape[1])
    # The latest binding step up to and including each step; none: far in the past.
    never = -window_steps - 1
    latest = np.maximum.accumulate(np.where(bound, steps, never), axis=1)
    after = ~bound & (steps - latest <= window_steps)
    # A binding step within the window begins the wait anew: what lies between is no
    # rebound. Seen backwards: the next binding step after each step.
    far = bound.shape[1] + window_steps
    ahead = np.where(bound, steps, far)[:, ::-1]
    coming = np.minimum.accumulate(ahead, axis=1)[:, ::-1]
    last = coming - latest > window_steps
    ratio = np.where(after & last, loading_percent / limit_percent[:, None], -np.inf)
    highest = ratio.max(axis=1)
    found: FloatArray = np.where(np.isfinite(highest), highest, np.nan)
    return found
