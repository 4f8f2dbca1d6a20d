"""The aggregators' positions: day-ahead, intraday, imbalance and activations."""

import numpy as np

from mosaik_bottomup.arrays import FloatArray
from mosaik_bottomup.results import Results
from mosaik_bottomup.settlement.book import DSO, MARKET, TSO, Book


def enter(
    book: Book, run: Results, trading_dkk_per_kwh: float, fee_dkk_per_kwh: float
) -> None:
    """Enter what the aggregators bought, re-traded, missed and were ordered.

    With the day-ahead position ``D``, the schedule ``S`` after intraday trades of sizes
    ``T`` in sum, the activation ``O`` ordered, its part ``R`` that is not vetoed (more
    consumption is positive) and delivery ``P``, all in kW, day-ahead price ``p`` and
    single imbalance price ``π``:

    * day-ahead ``h · p · D`` to the market;
    * intraday ``h · (p · (S − D) + c · T)``, with ``c`` what trading costs;
    * activation ``h · π · O`` to the TSO: ordered down in consumption, it is paid. What
      the DSO vetoes of it, ``V = O − R``, is taken back at the same price under a
      heading of its own, and is nobody's imbalance: nobody gains or loses by a veto;
    * imbalance ``h · π · (P − S − R)`` to the TSO;
    * deviation fee ``h · f · |P − S − R|`` to the DSO.

    Activated energy is settled at the imbalance price, which under single pricing is
    the marginal price of the activated reserves. Where nothing was sold, ``D = S =
    P``. In a file without day-ahead positions ``D = S``, in one without activations
    ``R = 0``.

    Parameters
    ----------
    book
        Where to.
    run
        The run.
    trading_dkk_per_kwh
        What each kWh traded intraday costs beside its price.
    fee_dkk_per_kwh
        What the DSO takes for each kWh beside a schedule it has checked.
    """
    if "aggregators" not in run.entities:
        return
    spot = run.series("market", "day_ahead_price").ravel()
    single = run.series("market", "imbalance_price").ravel()
    delivered = run.series("aggregators", "delivered_kw") * run.step_h
    sold = run.series("aggregators", "schedule_kw") * run.step_h
    schedule = np.where(np.isnan(sold), delivered, sold)
    none = np.zeros_like(schedule)
    day_ahead = _or(run, "day_ahead_kw", schedule)
    ordered = _or(run, "activation_ordered_kw", none)
    vetoed = _or(run, "activation_vetoed_kw", none)
    sizes = _or(run, "traded_kw", none)
    mine = book.aggregators
    book.pay("day_ahead", mine, MARKET, day_ahead * spot)
    intraday_dkk = (schedule - day_ahead) * spot + sizes * trading_dkk_per_kwh
    book.pay("intraday", mine, MARKET, intraday_dkk)
    book.pay("activation", mine, TSO, ordered * single)
    book.pay("veto", TSO, mine, vetoed * single)
    beside = delivered - schedule - (ordered - vetoed)
    book.pay("imbalance", mine, TSO, beside * single)
    book.pay("deviation_fee", mine, DSO, np.abs(beside) * fee_dkk_per_kwh)


def _or(run: Results, name: str, otherwise_kwh: FloatArray) -> FloatArray:
    """Return the energy of a series, (aggregator, time), and what stands for none."""
    if not run.holds("aggregators", name):
        return otherwise_kwh
    energy_kwh = run.series("aggregators", name) * run.step_h
    return np.where(np.isnan(energy_kwh), otherwise_kwh, energy_kwh)
