"""How hard the transformers are loaded: peaks, duration, overload, ramps, rebound.

Arrays are (area, time); a loading is current over rated current, in percent and never
negative; a power is the mean over its step, consumption positive.
"""

import numpy as np

from mosaik_bottomup.arrays import BoolArray, FloatArray
from mosaik_bottomup.results import Results

LOADING_TOLERANCE_PERCENT = 1e-6
"""Forgives what a power flow's iteration leaves."""
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
