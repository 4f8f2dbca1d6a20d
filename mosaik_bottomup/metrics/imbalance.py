"""How far aggregators were off the schedule they had sold, and what that cost.

Arrays are (aggregator, time). A step for which nothing was sold (NaN) has no imbalance.
"""

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.metrics.activations import granted_kw
from mosaik_bottomup.results import Results

PERCENT = 100.0


def scheduled_kwh(results: Results) -> FloatArray:
    """Return the energy sold day-ahead, ``Σ_k h · S_k``, shape (aggregator,)."""
    schedule_kw = results.series("aggregators", "schedule_kw")
    energy: FloatArray = np.nansum(schedule_kw, axis=1) * results.step_h
    return energy


def delivered_kwh(results: Results) -> FloatArray:
    """Return the energy of all sites, ``Σ_k h · P_k``, shape (aggregator,)."""
    energy: FloatArray = (
        results.series("aggregators", "delivered_kw").sum(axis=1) * results.step_h
    )
    return energy


def imbalance_kwh(results: Results) -> FloatArray:
    """Return ``Σ_k h · |delivered − (schedule + ordered − vetoed)|``, (aggregator,).

    Ordered is what activations ask for, and what the DSO has vetoed of it is nobody's
    imbalance.
    A surplus in one step does not make good for a lack in another.
    """
    off_kw = np.abs(
        results.series("aggregators", "delivered_kw")
        - (results.series("aggregators", "schedule_kw") + granted_kw(results))
    )
    energy: FloatArray = np.nansum(off_kw, axis=1) * results.step_h
    return energy


def imbalance_cost_dkk(results: Results) -> FloatArray:
    """Return the imbalance times the imbalance price, shape (aggregator,)."""
    if "aggregators" not in results.entities:
        return np.empty(0)
    price_dkk_per_kwh = results.static["aggregators"]["imbalance_price"]
    return imbalance_kwh(results) * price_dkk_per_kwh


def imbalance_percent(results: Results) -> float:
    """Return all imbalance in percent of the energy sold.

    That is ``Σ_gk |schedule|``, without activations. Where nothing was sold nothing can
    be missed, and it is 0.
    """
    sold_kw = np.nan_to_num(np.abs(results.series("aggregators", "schedule_kw")))
    sold_kwh = float(sold_kw.sum()) * results.step_h
    return PERCENT * float(imbalance_kwh(results).sum()) / sold_kwh if sold_kwh else 0.0
