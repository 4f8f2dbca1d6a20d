"""How far aggregators were off the schedule they had sold, and what that cost.

The schedule is what was sold day-ahead and what was traded intraday since.
Arrays are (aggregator, time). A step for which nothing was sold (NaN) has no imbalance.
"""

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.metrics.activations import granted_kw
from mosaik_bottomup.results import Results

PERCENT = 100.0


def scheduled_kwh(results: Results) -> FloatArray:
    """Return the energy to be delivered, ``Σ_k h · S_k``, shape (aggregator,)."""
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
    return _off_kwh(results, "schedule_kw")


def traded_intraday_kwh(results: Results) -> FloatArray:
    """Return the energy of all intraday trades, ``Σ_k h · T_k``, shape (aggregator,).

    ``T_k`` is the sum of the sizes of the step's trades: what is bought and sold again
    counts twice, as its cost does.
    """
    traded_kw = results.series("aggregators", "traded_kw")
    energy: FloatArray = traded_kw.sum(axis=1) * results.step_h
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
    return _off_percent(results, "schedule_kw")


def off_day_ahead_percent(results: Results) -> float:
    """Return how far delivery was off what was sold day-ahead, in percent of that.

    ``100 · Σ_gk |delivered − day-ahead| / Σ_gk |day-ahead|``: the imbalance if nothing
    could be traded intraday. Where nothing was sold it is 0.
    """
    return _off_percent(results, "day_ahead_kw")


def _off_kwh(results: Results, schedule: str) -> FloatArray:
    off_kw = np.abs(
        results.series("aggregators", "delivered_kw")
        - (results.series("aggregators", schedule) + granted_kw(results))
    )
    energy: FloatArray = np.nansum(off_kw, axis=1) * results.step_h
    return energy


def _off_percent(results: Results, schedule: str) -> float:
    sold_kw = np.nan_to_num(np.abs(results.series("aggregators", schedule)))
    sold_kwh = float(sold_kw.sum()) * results.step_h
    off_kwh = float(_off_kwh(results, schedule).sum())
    return PERCENT * off_kwh / sold_kwh if sold_kwh else 0.0
